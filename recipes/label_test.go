package recipes

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// talks puts a model with a tokenizer and a chat template into a folder, beside a
// recipe and its rows.
func talks(t *testing.T, recipe, rows string) (dir string) {
	t.Helper()
	dir = tiny(t)
	for name, from := range map[string]string{"tokenizer.json": "tiny/tokenizer/tokenizer.json", "tokenizer_config.json": "tiny/tokenizer/tokenizer_config.json"} {
		content, err := os.ReadFile(filepath.Join("..", "testdata", from))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "model", name), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	config, err := os.ReadFile(filepath.Join(dir, "model", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	tied := strings.Replace(string(config), `"tie_word_embeddings": false`, `"tie_word_embeddings": true`, 1) // a policy speaks through them
	const template = "{{ bos_token }}{% for m in messages %}{{ m['role'] }}:\n{{ m['content'] }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}assistant:\n{% endif %}"
	for name, content := range map[string]string{"model/config.json": tied, "model/chat_template.jinja": template, "tiny.rmr": recipe, "rows.jsonl": rows} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A nonsense server answers at random, but always the same to the same request.
// Now and then it fails, as servers do.
type nonsense struct {
	*httptest.Server
	mu     sync.Mutex
	asked  map[string]int // requests that were answered, by their body
	bodies int
	key    string
	reply  func(text string, seed any) string
}

func newNonsense(t *testing.T, reply func(text string, seed any) string) *nonsense {
	t.Helper()
	s := &nonsense{asked: map[string]int{}, reply: reply}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *nonsense) serve(w http.ResponseWriter, r *http.Request) {
	content, _ := io.ReadAll(r.Body)
	var body struct {
		Messages []struct{ Content string }
		Seed     any
	}
	if err := json.Unmarshal(content, &body); err != nil || len(body.Messages) != 1 {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.bodies++
	n := s.bodies
	s.key = r.Header.Get("Authorization")
	s.mu.Unlock()
	switch {
	case n%11 == 3:
		w.Header().Set("Retry-After", "0") // at once: the test is to be quick
		w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusInternalServerError}[n%2])
		return
	case n == 40:
		io.WriteString(w, `{"choices":[{"message":{"content":"[[A`)
		return
	}
	time.Sleep(2 * time.Millisecond)
	s.mu.Lock()
	s.asked[string(content)]++
	s.mu.Unlock()
	answer := s.reply(body.Messages[0].Content, body.Seed)
	fmt.Fprintf(w, `{"model":"m","choices":[{"message":{"content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, answer)
}

// counted is how many different requests were answered, and how many answers
// there were in all.
func (s *nonsense) counted() (different, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.asked {
		all += n
	}
	return len(s.asked), all
}

func draw(text string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, text)
	return h.Sum64()
}

// preferring has a taste of its own, calls some pairs a tie and of some says
// nothing.
func preferring(text string, _ any) string {
	_, a, _ := strings.Cut(text, "<|RESPONSE A|>")
	a, b, _ := strings.Cut(a, "<|RESPONSE B|>")
	b, _, _ = strings.Cut(b, "<|END|>")
	switch x, y := draw(a), draw(b); {
	case (x^y)%7 == 0:
		return "Alike. [[C]]"
	case (x^y)%7 == 1:
		return "Who knows."
	case x > y:
		return "The first, [[B]]? No: [[A]]"
	}
	return "[[B]]"
}

// whileKilled runs a trainer that is killed after every so many answers, until it
// comes to its end; it says how often it was killed.
func (s *nonsense) whileKilled(t *testing.T, dir, trainer string, every int, args ...string) (kills int) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 5))
	for limit := time.Now().Add(2 * time.Minute); ; every += 3 {
		_, before := s.counted()
		p := start(t, dir, trainer, append(args, "--resume")...)
		ended := make(chan error, 1)
		go func() { ended <- p.wait() }()
		for killed := false; ; {
			select {
			case err := <-ended:
				if err == nil {
					return kills
				}
				if !killed {
					t.Fatalf("%v: %s", err, &p.output)
				}
			case <-time.After(time.Millisecond):
				if _, now := s.counted(); !killed && now-before >= every && kills < 6 {
					time.Sleep(time.Duration(random.IntN(4)) * time.Millisecond)
					_ = p.cmd.Process.Kill()
					killed = true
					kills++
				}
				if time.Now().After(limit) {
					t.Fatalf("no end after 2 minutes: %s", &p.output)
				}
				continue
			}
			break
		}
	}
}

// answers are the lines of the only table of a label.
func answers(t *testing.T, run, label string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(run, "labels", label, "answers-*.jsonl"))
	if err != nil || len(all) != 1 {
		t.Fatalf("tables %v, %v", all, err)
	}
	content, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")[1:]
}

const judgedRecipe = `recipe tiny

use std/preference

model rm: reward {
  base = "file:model"
  head = linear { layer = 2, init = normal }
  tune = head
}

data prefs: preference {
  source      = "file:rows.jsonl"
  max_length  = 64 tokens
  over_length = drop
  split       = holdout { fraction = 20% }
}

label judged = llm on prefs { endpoint = "http://127.0.0.1:1/v1", model = "nobody", price_in = 2, price_out = 10 }

train rm on judged { objective = bradley_terry, batch = 8 pairs, steps = 12 }
evaluate rm on judged.holdout
evaluate rm on judged.all as agreement
`

// prefsRows are pairs of different texts.
func prefsRows(n int) string {
	words := strings.Fields("red blue green sky sea fog sun cat")
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"prompt": "say %s %d", "chosen": "%s %s", "rejected": "%s %s %d"}`+"\n", words[i%8], i, words[(i+1)%8], words[(i/8)%8], words[(i+3)%8], words[(i/4)%8], i)
	}
	return b.String()
}

// A trainer that is killed while it asks a judge goes on: no answer is lost, asked
// for twice once it is kept, or made up, and what is trained is what a trainer that
// nobody killed trains.
func TestJudgeKilledAndTrainedOn(t *testing.T) {
	const key = "sk-nobody-may-read-this"
	t.Setenv("OPENAI_API_KEY", key)
	dir := talks(t, judgedRecipe, prefsRows(40))
	command(t, dir, 0, rmc, "build", "--backend", "go")
	trainer := filepath.Join(dir, "trainer")
	calm, troubled := newNonsense(t, preferring), newNonsense(t, preferring)
	at := func(s *nonsense, out string) []string {
		return []string{"--set", "label.judged.endpoint=" + s.URL + "/v1", "--set", "label.judged.retries=20", "--out", out}
	}
	command(t, dir, 0, trainer, at(calm, "whole")...)
	kills := troubled.whileKilled(t, dir, trainer, 7, at(troubled, "killed")...)
	different, all := troubled.counted()
	lines := answers(t, filepath.Join(dir, "killed"), "judged")
	if len(lines) != 80 || different != 80 || kills < 3 || all > 80+4*kills {
		t.Errorf("%d answers are kept; %d different questions in %d requests, %d kills", len(lines), different, all, kills)
	}
	seen := map[string]bool{}
	for _, l := range lines {
		var a struct{ Question string }
		if err := json.Unmarshal([]byte(l), &a); err != nil || seen[a.Question] {
			t.Errorf("%s: %v, or it is there twice", l, err)
		}
		seen[a.Question] = true
	}
	sameSteps(t, filepath.Join(dir, "killed"), filepath.Join(dir, "whole"))
	killed, whole := files(t, filepath.Join(dir, "killed")), files(t, filepath.Join(dir, "whole"))
	if killed["labels/judged/verdicts.jsonl"] != whole["labels/judged/verdicts.jsonl"] || strings.Count(whole["labels/judged/verdicts.jsonl"], "\n") != 40 {
		t.Error("the verdicts are others")
	}
	var said struct {
		Summary struct {
			Pairs, First, Second, Ties, Undecided int
			Cost                                  float64
			Gold                                  struct{ Of, Same int }
		}
	}
	if err := json.Unmarshal([]byte(killed["labels/judged/preferences.json"]), &said); err != nil {
		t.Fatal(err)
	}
	sum := said.Summary
	if sum.Pairs != 40 || sum.First == 0 || sum.Second == 0 || sum.Ties == 0 || sum.Undecided == 0 || sum.First+sum.Second+sum.Ties+sum.Undecided != 40 ||
		sum.Gold.Of != sum.First+sum.Second || sum.Gold.Same != sum.First || sum.Cost < 0.00207 || sum.Cost > 0.00209 {
		t.Errorf("the summary is %+v", sum)
	}
	if troubled.key != "Bearer "+key {
		t.Errorf("the server got %q", troubled.key)
	}
	for name, content := range killed {
		if strings.Contains(content, key) {
			t.Errorf("%s has the key", name)
		}
	}
	// Nothing is asked for a run that is there, and the prompt is part of the program.
	command(t, dir, 0, trainer, append(at(troubled, "killed"), "--force")...)
	if _, now := troubled.counted(); now != all {
		t.Errorf("%d more answers were asked for", now-all)
	}
	_, errs := command(t, dir, 2, trainer, "--set", `label.judged.prompt="std/judge_brief.jinja"`, "--out", "other")
	says(t, errs, "the text of prompt is compiled in: rmc build --set sets it")
}

const rolledRecipe = `recipe tiny

use std/labels

model pm: policy { base = "file:model" }

data solutions: labels {
  source      = "file:rows.jsonl"
  tokens      = ["a", "b"]
  max_length  = 256 tokens
  over_length = drop
  split       = holdout { fraction = 30% }
}

label labelled = rollout on solutions { endpoint = "http://127.0.0.1:1/v1", model = "nobody", samples = 3 }

train pm on labelled { objective = label_loss, batch = 4 rows, steps = 6, optimizer = adamw { lr = 1e-3 } }
`

// solutionRows are attempts at sums without labels, some of them wrong.
func solutionRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"question": "what is %d plus two", "steps": ["it is %d", "so it is four", "#### %d"], "answer": "#### 4"}`+"\n", i, i, 4+i%2)
	}
	return b.String()
}

// reaching comes to the right answer once in a while.
func reaching(text string, seed any) string {
	if draw(fmt.Sprint(text, seed))%3 == 0 {
		return `that makes \boxed{4}`
	}
	return `that makes \boxed{5}`
}

// A trainer that is killed while steps are gone on from goes on, trains on the
// labels that it found, and leaves them as rows that another recipe can read.
func TestRolloutKilledAndTrainedOn(t *testing.T) {
	dir := talks(t, rolledRecipe, solutionRows(16))
	command(t, dir, 0, rmc, "build", "--backend", "go")
	trainer := filepath.Join(dir, "trainer")
	calm, troubled := newNonsense(t, reaching), newNonsense(t, reaching)
	at := func(s *nonsense, out string) []string {
		return []string{"--set", "label.labelled.endpoint=" + s.URL + "/v1", "--set", "label.labelled.retries=20", "--out", out}
	}
	command(t, dir, 0, trainer, at(calm, "whole")...)
	kills := troubled.whileKilled(t, dir, trainer, 9, at(troubled, "killed")...)
	different, all := troubled.counted()
	const want = 16 * 2 * 3 // the last steps have answers of their own
	if n := len(answers(t, filepath.Join(dir, "killed"), "labelled")); n != want || different != want || kills < 3 || all > want+4*kills {
		t.Errorf("%d answers are kept; %d different requests of %d, %d kills", n, different, all, kills)
	}
	killed, whole := files(t, filepath.Join(dir, "killed")), files(t, filepath.Join(dir, "whole"))
	for _, name := range []string{"labels/labelled/steps.jsonl", "model/model.safetensors"} {
		if killed[name] != whole[name] || killed[name] == "" {
			t.Errorf("%s is another", name)
		}
	}
	rows := strings.Split(strings.TrimSpace(whole["labels/labelled/steps.jsonl"]), "\n")
	good, bad := 0, 0
	for i, line := range rows {
		var row struct {
			Question string
			Steps    []string
			Labels   []*bool
			Label    *bool
			Right    []*int
			Row      int
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Row != i || len(row.Labels) != 3 || row.Label == nil || *row.Label != (i%2 == 0) || *row.Labels[2] != *row.Label || row.Right[2] != nil {
			t.Fatalf("row %d is %s (%v)", i, line, err)
		}
		for k := range 2 {
			if *row.Labels[k] != (*row.Right[k] > 0) {
				t.Errorf("row %d is %s", i, line)
			}
			if *row.Labels[k] {
				good++
			} else {
				bad++
			}
		}
	}
	if len(rows) != 16 || good == 0 || bad == 0 {
		t.Errorf("%d rows, %d good and %d bad", len(rows), good, bad)
	}
	if steps := metrics(t, filepath.Join(dir, "killed", "metrics.jsonl")); len(steps) != 6 {
		t.Errorf("%d steps", len(steps))
	}
	// The rows are data of their own: of steps, and of outcomes.
	again := strings.Replace(rolledRecipe, "rows.jsonl", "steps.jsonl", 1)
	again = strings.Replace(strings.Replace(again, "label labelled", "// label labelled", 1), "pm on labelled", "pm on solutions", 1)
	if err := os.Remove(filepath.Join(dir, "rmc.lock")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"steps.jsonl": whole["labels/labelled/steps.jsonl"], "again.rmr": again} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, level := range []string{"step", "outcome"} {
		command(t, dir, 0, rmc, "check", "--set", "data.solutions.level="+level, "again.rmr")
	}
}

// The plan says of whom a judge is asked about how many pairs, and that what is
// trained on them is so many at most.
func TestPlanOfALabel(t *testing.T) {
	dir := talks(t, strings.Replace(judgedRecipe, "steps = 12", "epochs = 2", 1), prefsRows(40))
	out, _ := command(t, dir, 0, rmc, "plan", "tiny.rmr")
	says(t, out, "asks nobody of 40 pairs which side is better, for judged",
		"trains rm on at most 28 pairs of judged: at most 7 steps", "evaluates rm on at most 12 pairs of judged.holdout", "reads       40 pairs")
	dir = talks(t, strings.Replace(judgedRecipe, "rm on judged {", "rm on prefs + judged {", 1), prefsRows(40))
	out, _ = command(t, dir, 0, rmc, "plan", "tiny.rmr")
	says(t, out, "trains rm on at most 56 pairs of prefs_judged: 12 steps")
}

const selfRolledRecipe = `recipe tiny

use std/labels

model gen: policy { base = "file:model" }
model pm: policy { base = "file:model" }

data solutions: labels {
  source      = "file:rows.jsonl"
  tokens      = ["a", "b"]
  max_length  = 256 tokens
  over_length = drop
  split       = holdout { fraction = 30% }
}

label labelled = rollout on solutions {
  model      = gen
  prompt     = "short.jinja"
  samples    = 3
  max_tokens = 12 tokens
  batch      = 6 answers
}

train gen on labelled { objective = label_loss, batch = 4 rows, steps = 2, optimizer = adamw { lr = 1e-3 } }

label again = rollout on solutions { model = gen, prompt = "short.jinja", samples = 3, max_tokens = 12 tokens }

train pm on again { objective = label_loss, batch = 4 rows, steps = 2, optimizer = adamw { lr = 1e-3 } }
`

// A generated program has a policy of the recipe go on from steps, as it is and again
// once it is trained; run again it asks for nothing.
func TestRolloutByAPolicyOfTheRecipe(t *testing.T) {
	dir := talks(t, selfRolledRecipe, solutionRows(4))
	put(t, filepath.Join(dir, "short.jinja"), []byte("{{ question }}\n{{ solution }}\n"))
	command(t, dir, 0, rmc, "build", "--backend", "go")
	trainer := filepath.Join(dir, "trainer")
	command(t, dir, 0, trainer, "--out", "run")
	run := filepath.Join(dir, "run")
	const want = 4 * 2 * 3 // the last steps have answers of their own
	first, again := answers(t, run, "labelled"), answers(t, run, "again")
	if len(first) != want || len(again) != want {
		t.Errorf("%d and %d answers, want %d each", len(first), len(again), want)
	}
	before := files(t, run)
	command(t, dir, 0, trainer, "--out", "run", "--force")
	for name, content := range files(t, run) {
		if strings.HasPrefix(name, "labels/") && before[name] != content {
			t.Errorf("%s is another after a second run", name)
		}
	}
}
