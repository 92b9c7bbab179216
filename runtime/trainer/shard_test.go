package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/embed"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// shardEnv tells a test binary to embed: run directory, model, pairs, shard.
const shardEnv = "RMC_TEST_SHARD"

// embedded is a program with a head over a frozen backbone.
func embedded(t *testing.T, b *backend.Backend, base, pairs string) *Run {
	return tinyRunOn(t, b, base, pairs, func(m *spec.Model, d *spec.Data, _ *spec.Train) {
		m.Tune.Kind, m.Head.Layer, d.Licence = "head", 1, "CC0-1.0"
	})
}

// TestShardProcess is no test of its own: it is a process that embeds a shard.
func TestShardProcess(t *testing.T) {
	where := os.Getenv(shardEnv)
	if where == "" {
		t.Skip("needs $" + shardEnv + ": TestT18Shards starts it")
	}
	parts := strings.Split(where, "\n")
	r := embedded(t, goBackend(t), parts[1], parts[2])
	r.Dir = parts[0]
	s, err := parseShard(parts[3])
	if err == nil {
		err = r.Embed(context.Background(), s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func shardProcess(dir, base, pairs, shard string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestShardProcess$", "-test.v")
	cmd.Env = append(os.Environ(), shardEnv+"="+strings.Join([]string{dir, base, pairs, shard}, "\n"))
	return cmd
}

// files is the content of every file below a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Shards that several processes write at once, in a run directory that a trainer
// holds, leave the bytes of one that did all, manifest included (T18).
func TestT18Shards(t *testing.T) {
	base, pairs := tinyModel(t), tinyPairs(t, 400)
	alone := embedded(t, goBackend(t), base, pairs)
	if err := alone.Embed(context.Background(), Shard{1, 1}); err != nil {
		t.Fatal(err)
	}
	want := files(t, alone.Dir)
	if len(want) < 8 {
		t.Fatalf("%d files: too few chunks for shards", len(want))
	}
	dir := t.TempDir()
	release, err := rundir.Claim(dir) // a trainer is at work
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var all []*exec.Cmd
	for _, shard := range []string{"1/4", "2/4", "3/4", "4/4", "2/4"} {
		cmd := shardProcess(dir, base, pairs, shard)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", cmd.Args, err)
		}
	}
	got := files(t, dir)
	delete(got, ".lock")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d files, %d of one process; the same: %t", len(got), len(want), reflect.DeepEqual(got, want))
	}
}

// One shard of three is a third of the files and no manifest; the others' come
// from the run itself.
func TestOneShard(t *testing.T) {
	r := embedded(t, goBackend(t), tinyModel(t), tinyPairs(t, 400))
	if err := r.Embed(context.Background(), Shard{2, 3}); err != nil {
		t.Fatal(err)
	}
	chunks := embeddingOf(t, r).Chunks
	got := files(t, r.Dir)
	if n := len(got); n != (len(chunks)+1)/3 {
		t.Errorf("%d files of %d chunks", n, len(chunks))
	}
	for name := range got {
		if filepath.Base(name) == embed.ManifestFile {
			t.Error("there is a manifest, and chunks are missing")
		}
	}
	var notes strings.Builder
	r.OnNote = func(s string) { notes.WriteString(s + "\n") }
	afresh(r)
	execute(t, r)
	reused := 0
	for i, c := range chunks {
		if (Shard{2, 3}).has(i) {
			reused += len(c.Sequences)
		}
	}
	if !strings.Contains(notes.String(), fmt.Sprintf(": 800 sequences, %d of them from ", reused)) {
		t.Errorf("notes:\n%s", notes.String())
	}
}

// Killed at whatever moment, embedding goes on where it stopped and comes to the
// same bytes.
func TestKilledEmbeddingGoesOn(t *testing.T) {
	base, pairs := tinyModel(t), tinyPairs(t, 3000)
	alone := embedded(t, goBackend(t), base, pairs)
	if err := alone.Embed(context.Background(), Shard{1, 1}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := shardProcess(dir, base, pairs, "1/1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	chunks := func() int { return len(finished(dir)) }
	for deadline := time.Now().Add(20 * time.Second); chunks() < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	before := finished(dir)
	if whole := len(finished(alone.Dir)); len(before) < 2 || len(before) == whole {
		t.Fatalf("%d of %d chunks before the kill", len(before), whole)
	}
	if err := shardProcess(dir, base, pairs, "1/1").Run(); err != nil {
		t.Fatal(err)
	}
	for name, then := range before {
		if now, err := os.Stat(name); err != nil || !now.ModTime().Equal(then) {
			t.Errorf("%s was computed again: %v", name, err)
		}
	}
	got := files(t, dir) // and perhaps a part of one that was being written
	for name, want := range files(t, alone.Dir) {
		if got[name] != want {
			t.Errorf("%s differs", name)
		}
	}
}

// finished is when each chunk below a run directory was written.
func finished(dir string) map[string]time.Time {
	all := map[string]time.Time{}
	paths, _ := filepath.Glob(filepath.Join(dir, "stages", "*", "hidden-*"))
	for _, path := range paths {
		if st, err := os.Stat(path); err == nil {
			all[path] = st.ModTime()
		}
	}
	return all
}

// The manifest says where the numbers are from and what became of the rows (T19).
func TestT19Manifest(t *testing.T) {
	r := embedded(t, goBackend(t), tinyModel(t), tinyPairs(t, 100))
	d := &r.Program.Stages[0].Data
	d.MaxLength = 20
	r.Program.Stages[1].Data = *d
	execute(t, r)
	e := embeddingOf(t, r)
	text, err := os.ReadFile(filepath.Join(e.Dir, embed.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var m embed.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	stats := r.Stats["prefs"]
	over := stats.Filters[0]
	want := []embed.Filter{{Name: over.Name, Before: 100, After: stats.Kept}}
	if m.Data.Source != d.Source || len(m.Data.SHA256) != 64 || m.Data.Licence != "CC0-1.0" || m.Data.Read != 100 || m.Data.Kept != stats.Kept || !reflect.DeepEqual(m.Data.Filters, want) {
		t.Errorf("data %+v, want filters %+v", m.Data, want)
	}
	if m.Model.Source != r.Program.Stages[0].Model.Base || m.Model.Layer != 1 || m.Model.DType != "float32" || len(m.Model.SHA256) != 64 {
		t.Errorf("model %+v", m.Model)
	}
	if m.Sequences != 2*stats.Kept || m.Hidden != 16 || len(m.Chunks) != len(e.Chunks) || !strings.HasPrefix(m.Of, strings.TrimPrefix(filepath.Base(e.Dir), "embed-")) {
		t.Errorf("%d sequences × %d in %d chunks, of %s", m.Sequences, m.Hidden, len(m.Chunks), m.Of)
	}
}

// Where all is there the backbone is not opened: its weights may be gone. Where it
// was opened it does not stay, unless it was there for other things.
func TestBackboneIsOpenedOnlyToCompute(t *testing.T) {
	ctx := context.Background()
	base := tinyModel(t)
	r := embedded(t, goBackend(t), base, tinyPairs(t, 60))
	execute(t, r)
	m, one := r.Program.Stages[0].Model, []data.Sequence{{IDs: []int32{1, 5}}}
	margin := r.Results[0].Margin
	weights := filepath.Join(base, "model.safetensors")
	away := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	away(weights, weights+".away")
	if _, err := r.Hidden(ctx, m, one); err == nil {
		t.Error("the backbone stays on the device")
	}
	away(weights+".away", weights)
	afresh(r)
	if _, err := r.Fetch(ctx, "model", m.Base); err != nil { // what is there is known before it goes
		t.Fatal(err)
	}
	away(weights, weights+".away")
	execute(t, r)
	if r.Results[0].Margin != margin {
		t.Errorf("margin %v, before %v", r.Results[0].Margin, margin)
	}
	away(weights+".away", weights)
	if _, err := r.Hidden(ctx, m, one); err != nil {
		t.Fatal(err)
	}
	other := r.Program.Stages[0].Data
	other.Name, r.Dir = "other", t.TempDir()
	if _, err := r.Embeddings(ctx, m, other); err != nil {
		t.Fatal(err)
	}
	away(weights, weights+".away")
	if _, err := r.Hidden(ctx, m, one); err != nil {
		t.Error("computing took the backbone away from what had it open")
	}
}

// An encoder gives what a frozen reward model of the same depth does, by digest
// and for sequences of no data set; another depth gives other states.
func TestHiddenOfAnEncoder(t *testing.T) {
	ctx := context.Background()
	r := embedded(t, goBackend(t), tinyModel(t), tinyPairs(t, 40))
	s := r.Program.Stages[0]
	encoder := spec.Model{Name: "backbone", Kind: "encoder", Base: s.Model.Base, DType: "float32", Layer: 1}
	r.Program.Encoders = []spec.Model{encoder}
	e, err := r.Embeddings(ctx, encoder, s.Data)
	if err != nil {
		t.Fatal(err)
	}
	head, err := r.Embeddings(ctx, s.Model, s.Data)
	if err != nil {
		t.Fatal(err)
	}
	set, err := r.Set(ctx, encoder, s.Data)
	if err != nil {
		t.Fatal(err)
	}
	all := append(set.Train[0].Sequences, set.Train[0].Sequences[0], set.Train[1].Sequences[1])
	values, err := r.Hidden(ctx, encoder, all)
	if err != nil {
		t.Fatal(err)
	}
	deeper := encoder
	deeper.Layer = 2
	other, err := r.Hidden(ctx, deeper, all)
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range all {
		own := values[i*16 : (i+1)*16]
		nearby(t, own, e.Of(one), 1e-5)
		nearby(t, head.Of(one), e.Of(one), 0)
		if reflect.DeepEqual(other[i*16:(i+1)*16], own) {
			t.Error("two layers give what one gives")
		}
	}
	if e.Of(data.Sequence{IDs: []int32{46, 46, 46}}) != nil {
		t.Error("a sequence of no data set has a state")
	}
	if none, err := r.Hidden(ctx, encoder, nil); len(none) != 0 || err != nil {
		t.Error(none, err)
	}
}

func nearby(t *testing.T, got, want []float32, tolerance float32) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range got {
		if d := got[i] - want[i]; !(max(d, -d) <= tolerance) {
			t.Errorf("number %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestParseShard(t *testing.T) {
	for text, want := range map[string]Shard{"": {1, 1}, "2/4": {2, 4}, "1/1": {1, 1}} {
		if got, err := parseShard(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0/4", "5/4", "-1/2", "2", "2/", "/4", "a/b", "1/2/3", "1/2 x"} {
		if s, err := parseShard(text); err == nil || !strings.Contains(err.Error(), "want K/N") {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

func TestNothingToEmbed(t *testing.T) {
	r := tinyRun(t, goBackend(t), nil)
	if err := r.Embed(context.Background(), Shard{1, 1}); err == nil || !strings.Contains(err.Error(), "nothing to compute ahead") {
		t.Errorf("err = %v", err)
	}
}
