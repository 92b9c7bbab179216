package recipes

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fails runs a program that must exit with code 1 and say all of parts.
func fails(t *testing.T, dir string, parts []string, name string, args ...string) {
	t.Helper()
	_, errs := command(t, dir, 1, name, args...)
	says(t, errs, parts...)
}

func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

// files is the content of every file in a folder, by path; a lock counts as
// empty.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// unchanged demands that a folder has the files it had.
func unchanged(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	after := files(t, dir)
	for name := range maps.All(after) {
		if _, ok := before[name]; !ok {
			t.Errorf("%s was left behind", name)
		}
	}
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s is gone or has changed", name)
		}
	}
}

// A runRecord is what the tests read of run.json.
type runRecord struct {
	Status string
	Error  string
}

func record(t *testing.T, dir string) runRecord {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r runRecord
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// failed demands that a run directory says so, in the trainer's own words, and
// holds these files and no others.
func failed(t *testing.T, dir string, parts []string, want ...string) {
	t.Helper()
	r := record(t, dir)
	if r.Status != "failed" {
		t.Errorf("run.json says %q", r.Status)
	}
	says(t, r.Error, parts...)
	holds(t, dir, want...)
}

// holds demands that a run directory has these files and no others, but for
// the lock and what an evaluation before training left.
func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	for _, name := range slices.Sorted(maps.Keys(files(t, dir))) {
		if name != ".lock" && !strings.HasPrefix(name, "stages/before-") {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", filepath.Base(dir), got, want)
	}
}

func checkpointAt(step int) []string {
	dir := fmt.Sprintf("checkpoint/step-%06d/", step)
	return []string{dir + "checkpoint.json", dir + "state.safetensors"}
}

// rewrite changes a file.
func rewrite(t *testing.T, path string, change func(string) string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(change(string(content))), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// line replaces the n-th line, 1-based.
func line(n int, text string) func(string) string {
	return func(all string) string {
		lines := strings.Split(all, "\n")
		lines[n-1] = text
		return strings.Join(lines, "\n")
	}
}

func truncatedGzip(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // to memory
	_ = w.Close()
	return b.String()[:b.Len()/2]
}

// Data that cannot be trained on stops rmc check, rmc build and the trainer,
// each with the place and what to do. Nothing is built and nothing trained.
func TestBadData(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(string) string
		check  []string // what rmc says
		train  []string // what the trainer says
	}{
		{
			"truncated gzip", truncatedGzip,
			[]string{"tiny.rmr:13:17: error[R0501]", "the gzip stream is cut short", "whole rows; it was not copied or downloaded to its end"},
			[]string{"train rm on pairs (line 20 of the recipe)", "data pairs: pairs.jsonl: the gzip stream is cut short", "not copied or downloaded to its end"},
		},
		{
			"broken JSON", line(7, `{"chosen_ids":[1,2,3],"rejected_ids":[1,2`),
			[]string{"tiny.rmr:13:17: error[R0501]", "pairs.jsonl:7:42: broken JSON", `the row begins {"chosen_ids":[1,2,3]`},
			[]string{"data pairs: pairs.jsonl:7:42: broken JSON", `the row begins {"chosen_ids":[1,2,3]`},
		},
		{
			"a missing column", line(5, `{"chosen_ids":[1,2,3],"rejected":[1,2]}`),
			[]string{"tiny.rmr:13:17: error[R0603]", `pairs has no column "rejected_ids" in row 5`, "columns: chosen_ids, rejected", `write columns = named { rejected_ids = "rejected" }`},
			[]string{`data pairs: pairs.jsonl:5: no column "rejected_ids"`, "the row has chosen_ids, rejected", `columns = named { rejected_ids = "rejected" }`},
		},
		{
			"a column of another type", line(4, `{"chosen_ids":[1,2.5],"rejected_ids":[1,2]}`),
			[]string{"tiny.rmr:13:17: error[R0604]", `column "chosen_ids" is a list with the number 2.5 in row 4`},
			[]string{`pairs.jsonl:4: column "chosen_ids" is a list with the number 2.5 where a list of token ids is wanted`},
		},
		{
			"a token that the model has not", line(9, `{"chosen_ids":[1,2,320],"rejected_ids":[1,2]}`),
			[]string{"tiny.rmr:13:17: error[R0618]", "row 9 of pairs has the token id 320, and", "knows 0 to 319", "another tokenizer"},
			[]string{"data pairs: row 9: token id 320: model rm knows 0 to 319", "another tokenizer"},
		},
		{
			"no data", func(string) string { return "" },
			[]string{"tiny.rmr:13:17: error[R0501]", "pairs.jsonl: the file is empty"},
			[]string{"data pairs: pairs.jsonl: the file is empty"},
		},
		{
			"a row too long", line(3, `{"chosen_ids":[1`+strings.Repeat(",2", 40)+`],"rejected_ids":[1,3]}`),
			[]string{"tiny.rmr:16:17: error[R0612]", "1 row of pairs", "longer than 32 tokens", "row 3", "or write over_length = drop"},
			[]string{"pairs.jsonl: over_length = error", "1 row is longer than max_length = 32 tokens (row 3; the longest has 41)"},
		},
		{
			"nothing but ties", func(string) string { return strings.Repeat(`{"chosen_ids":[1,2,3],"rejected_ids":[1,2,3]}`+"\n", 3) },
			[]string{"tiny.rmr:13:17: error[R0602]", "none of 3 rows of pairs is left", "3 ties"},
			[]string{"pairs.jsonl: none of its 3 rows can be used", "two sides are the same (row 1, 2, 3)"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := tiny(t)
			rewrite(t, filepath.Join(dir, "pairs.jsonl"), test.change)
			before := files(t, dir)
			fails(t, dir, test.check, rmc, "check")
			fails(t, dir, test.check, rmc, "build", "--backend", "go")
			unchanged(t, dir, before)
			fails(t, dir, test.train, built(t, unlockedTrainer))
			failed(t, filepath.Join(dir, "runs", "tiny"), test.train, "run.json")
		})
	}
}

// Truncation that leaves both sides of a pair the same is said before training,
// with the length that would keep them apart; of such rows alone nothing is left.
func TestIdenticalAfterTruncation(t *testing.T) {
	dir, trainer := tiny(t), built(t, unlockedTrainer)
	rewrite(t, filepath.Join(dir, "tiny.rmr"), func(s string) string {
		return strings.NewReplacer("over_length = error", "over_length = truncate_right", "32 tokens", "8 tokens").Replace(s)
	})
	same := `{"chosen_ids":[1,2,3,4,5,6,7,8],"rejected_ids":[1,2,3,4,5,6,7,8,9,10]}`
	rewrite(t, filepath.Join(dir, "pairs.jsonl"), line(2, same))
	_, errs := command(t, dir, 0, rmc, "check")
	says(t, errs, "R0606", "1 row of pairs", "row 2", "max_length = 9 tokens would save them all")

	set := []string{"--set", "data.pairs.over_length=truncate_right", "--set", "data.pairs.max_length=8"}
	_, errs = command(t, dir, 0, trainer, append(set, "--steps", "1")...)
	says(t, errs, "data pairs: 1 of 40 rows left out: two sides are the same after truncation")

	rewrite(t, filepath.Join(dir, "pairs.jsonl"), func(string) string { return same })
	fails(t, dir, []string{"R0602", "none of 1 row of pairs is left", "1 the same after truncation", "make max_length larger"}, rmc, "check")
	parts := []string{"none of its 1 rows can be used", "same after truncation", "(row 1)"}
	fails(t, dir, parts, trainer, append(set, "--out", "never")...)
	failed(t, filepath.Join(dir, "never"), parts, "run.json")
}

// A source that is not there, or cannot be read, is named with where it was
// looked for.
func TestAbsentSource(t *testing.T) {
	for _, test := range []struct {
		name string
		put  func(path string) error // in the place of the data
		want string
	}{
		{"absent", func(string) error { return nil }, "no such file: looked for "},
		{"an empty folder", func(path string) error { return os.Mkdir(path, 0o755) }, "is an empty folder"},
		{"a link to itself", func(path string) error { return os.Symlink("pairs.jsonl", path) }, "too many levels of symbolic links"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := tiny(t)
			path := filepath.Join(dir, "pairs.jsonl")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := test.put(path); err != nil {
				t.Fatal(err)
			}
			fails(t, dir, []string{"tiny.rmr:13:17: error[R0501]: file:pairs.jsonl cannot be had", test.want, path}, rmc, "check")
			parts := []string{"data pairs: file:pairs.jsonl: ", test.want, path}
			fails(t, dir, parts, built(t, tinyTrainer))
			failed(t, filepath.Join(dir, "runs", "tiny"), parts, "run.json")
		})
	}
	dir := tiny(t)
	if err := os.RemoveAll(filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
	fails(t, dir, []string{"model rm: file:model: no such file: looked for " + filepath.Join(dir, "model")}, built(t, tinyTrainer))
}

// A loss that is no number stops the run at that step: what was saved before
// stays, and the message names step, rows and the usual causes.
func TestNaN(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	parts := []string{
		"train rm on pairs (line 20 of the recipe)", "step 3: the loss is NaN", "Rows of pairs in question: ",
		"the last good checkpoint is runs/tiny/checkpoint/step-000002", "a learning rate that is too high (1e+30 at this step)",
	}
	args := []string{"--set", "train.rm.optimizer.lr=1e30", "--set", "train.rm.save=1"}
	fails(t, dir, parts, trainer, args...)
	run := filepath.Join(dir, "runs", "tiny")
	failed(t, run, parts, slices.Concat(checkpointAt(1), checkpointAt(2), []string{"metrics.jsonl", "run.json"})...)
	if steps := metrics(t, filepath.Join(run, "metrics.jsonl")); len(steps) != 2 {
		t.Errorf("metrics.jsonl tells of %d steps, want the 2 that had numbers", len(steps))
	}
	fails(t, dir, []string{"holds no finished run"}, trainer, "score")
	fails(t, dir, parts, trainer, append(args, "--resume")...)
}

// Where no checkpoint can be written at all, the run says so and leaves nothing
// half-written.
func TestFileTooLarge(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	parts := []string{"writing the checkpoint of step 4", "file too large", "there is no earlier one"}
	fails(t, dir, parts, "sh", "-c", `ulimit -f 500; exec "$0" --set train.rm.save=4`, trainer)
	failed(t, filepath.Join(dir, "runs", "tiny"), parts, "metrics.jsonl", "run.json")
}

// flip changes some bytes in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	rewrite(t, path, func(s string) string {
		middle := len(s) / 2
		return s[:middle] + string([]byte{s[middle] ^ 0xff, s[middle+1] ^ 1}) + s[middle+2:]
	})
}

// A damaged checkpoint is passed over for the one before it; without one that is
// whole there is nothing to go on from, and the run says so. A damaged model is
// neither scored with nor exported.
func TestFlippedBytes(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	run := filepath.Join(dir, "runs", "tiny")
	state := func(step int) string { return filepath.Join(run, checkpointAt(step)[1]) }
	args := []string{"--set", "train.rm.save=2"}
	command(t, dir, 0, trainer, append(args, "--steps", "4")...)
	whole := files(t, run)

	flip(t, state(4))
	_, errs := command(t, dir, 0, trainer, append(args, "--resume", "--steps", "5")...)
	says(t, errs, "checkpoint is damaged", "step-000004/state.safetensors has changed since it was written", "going on from step 2 instead")
	if got := metrics(t, filepath.Join(run, "metrics.jsonl")); len(got) != 5 || got[4]["step"] != 5 {
		t.Errorf("metrics.jsonl tells of %d steps, want 5: %v", len(got), got)
	}

	for _, step := range []int{4, 5} {
		flip(t, state(step))
	}
	model := files(t, filepath.Join(run, "model"))
	fails(t, dir, []string{"no checkpoint is left to go on from", "step-000005", "--force starts over"}, trainer, append(args, "--resume")...)
	unchanged(t, filepath.Join(run, "model"), model)
	command(t, dir, 0, trainer, append(args, "--force", "--steps", "4")...)
	for _, name := range []string{"model/model.safetensors", checkpointAt(4)[1]} {
		if files(t, run)[name] != whole[name] {
			t.Errorf("started over, %s is another", name)
		}
	}

	flip(t, filepath.Join(run, "model", "model.safetensors"))
	damaged := []string{"the trained model is damaged", "model/model.safetensors has changed since it was written", "train --force"}
	for _, verb := range []string{"score", "evaluate", "export"} {
		fails(t, dir, damaged, trainer, append(args, verb)...)
	}
	if _, err := os.Stat(filepath.Join(run, "export")); err == nil {
		t.Error("a damaged model was exported")
	}
	rewrite(t, filepath.Join(run, "run.json"), func(s string) string { return s[:len(s)/2] })
	fails(t, dir, []string{"run.json is damaged", "train --force starts the run over"}, trainer, args...)
}

// Data or a base that is not what was locked is refused by check, build and the
// trainer, and a finished run survives it, even under --force.
func TestLockDoesNotMatch(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	command(t, dir, 0, rmc, "lock")
	command(t, dir, 0, trainer, "--steps", "1")
	run := filepath.Join(dir, "runs", "tiny")
	before := files(t, run)
	locked := files(t, dir)["rmc.lock"]
	rewrite(t, filepath.Join(dir, "pairs.jsonl"), line(2, `{"chosen_ids":[1,2,3],"rejected_ids":[1,2]}`))

	for _, verb := range []string{"check", "build"} {
		fails(t, dir, []string{"tiny.rmr:13:17: error[R0614]", "data file:pairs.jsonl: sha256 is", "in the lock and", `run "rmc lock" to accept what it is now`}, rmc, verb)
	}
	if now := files(t, dir); now["rmc.lock"] != locked || now["trainer"] != "" {
		t.Error("a build that failed wrote something")
	}
	parts := []string{"data pairs: ", filepath.Join(dir, "pairs.jsonl") + " is not what rmc.lock pins: data file:pairs.jsonl: sha256 is ", "run rmc lock and build again"}
	fails(t, dir, append(parts, "the run in runs/tiny was not touched"), trainer, "--force")
	fails(t, dir, parts, trainer, "evaluate")
	unchanged(t, run, before)
	fails(t, dir, parts, trainer, "--out", "new")
	failed(t, filepath.Join(dir, "new"), parts, "run.json")

	rewrite(t, filepath.Join(dir, "model", "config.json"), func(s string) string { return s + "\n" })
	parts = []string{"model is not what rmc.lock pins: model file:model/config.json: sha256 is ", "run rmc lock and build again"}
	for _, verb := range []string{"score", "export"} {
		fails(t, dir, parts, trainer, verb)
	}
	unchanged(t, run, before)
}

// A run directory is one program's, and one trainer's at a time.
func TestRunDirectoryOfAnother(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	command(t, dir, 0, trainer, "--steps", "1")
	run := filepath.Join(dir, "runs", "tiny")
	before := files(t, run)
	parts := []string{"runs/tiny holds a finished run that differs in program (tiny then, frozen now), recipe, lock", "--out DIR keeps it", "--force overwrites it"}
	fails(t, dir, parts, built(t, frozenTrainer), "--out", "runs/tiny")
	fails(t, dir, []string{"differs in overrides", "train.rm.optimizer.lr=2e-3", "--out DIR keeps it"}, trainer, "--set", "train.rm.optimizer.lr=2e-3")
	fails(t, dir, []string{"the run directory tiny.rmr cannot be used", "name another with --out"}, trainer, "--out", "tiny.rmr")
	unchanged(t, run, before)

	first := start(t, dir, trainer, append(slices.Clone(manySteps), "--out", "both")...)
	defer first.stop()
	await(t, filepath.Join(dir, "both", "metrics.jsonl"), 1)
	for _, args := range [][]string{{"--resume"}, {"--force"}} {
		fails(t, dir, []string{"another trainer is at work in both", "--out"}, trainer, slices.Concat(manySteps, []string{"--out", "both"}, args)...)
	}
}

// What is typed wrong is a usage error, before anything is opened or written.
func TestUsage(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	before := files(t, dir)
	for _, test := range []struct{ args, want string }{
		{"--stepz=3", "did you mean"},
		{"--steps=-1", "--steps -1: want a positive number"},
		{"--set=train.rm.optimizr.lr=1", `no field "optimizr": there is objective, optimizer`},
		{"--set=train.rm.batch=many", `"many" is not a number`},
		{"--set=model.rn.dtype=bfloat16", `no model "rn": there is rm`},
		{"--backend=cuda", "auto"},
		{"scoer", "unexpected argument scoer"},
	} {
		_, errs := command(t, dir, 2, trainer, test.args)
		says(t, errs, test.want, "--help")
	}
	unchanged(t, dir, before)
}

// A line that cannot be scored is answered in its place, with its number and
// the reason; the others are scored, and the exit code tells.
func TestScoreBadLines(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	fails(t, dir, []string{"runs/tiny holds no finished run; train first"}, trainer, "score")
	command(t, dir, 0, trainer, "--steps", "1")
	lines := []struct{ in, want string }{
		{`{"ids":[1,2,3]}`, `{"score":`},
		{`{"ids":`, `{"line":2,"error":"broken JSON: `},
		{`[1,2]`, `{"line":3,"error":"not a JSON object`},
		{`{"text":"x"}`, `{"line":4,"error":"the row has text; what can be scored is messages, prompt and response, ids, or chosen and rejected"}`},
		{``, `{"line":5,"error":"the line is empty"}`},
		{`{"ids":[]}`, `{"line":6,"error":"a turn has no text, or a side no tokens"}`},
		{`{"ids":[1,320]}`, `{"line":7,"error":"token id 320: model rm knows 0 to 319`},
		{`{"ids":[1,"2"]}`, `{"line":8,"error":"the row: column \"ids\" is a list with the text \"2\" where a list of token ids is wanted"}`},
		{`{"ids":[1` + strings.Repeat(",2", 32) + `]}`, `{"line":9,"error":"33 tokens exceed max_length = 32, and over_length = error leaves nothing to score"}`},
		{`{"prompt":"a","response":"b"}`, `{"line":10,"error":"the model was trained on token ids (format = ids) and reads no text; write {\"ids\": […]}"}`},
		{`{"chosen_ids":[1,2],"rejected_ids":[1,3]}`, `{"chosen":`},
	}
	var in strings.Builder
	for _, l := range lines {
		in.WriteString(l.in + "\n")
	}
	out, errs := commandOn(t, in.String(), dir, 1, trainer, "score")
	says(t, errs, "9 of the lines could not be scored")
	got := strings.Split(strings.TrimSpace(out), "\n")
	if len(got) != len(lines) {
		t.Fatalf("%d answers to %d lines:\n%s", len(got), len(lines), out)
	}
	for i, l := range lines {
		if !strings.HasPrefix(got[i], l.want) {
			t.Errorf("line %d: %s\nwant %s", i+1, got[i], l.want)
		}
	}
}

// await waits until a file has n lines.
func await(t *testing.T, path string, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		content, _ := os.ReadFile(path)
		if strings.Count(string(content), "\n") >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has not %d lines after 20 s", path, n)
		}
	}
}
