package data

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// sharedFile finds a file of the folder shared, beside the repository or where
// RMC_SHARED says; the test is skipped where there is none.
func sharedFile(t *testing.T, name string) string {
	t.Helper()
	dirs := []string{os.Getenv("RMC_SHARED")}
	for up := ".."; len(up) < 20; up = filepath.Join(up, "..") {
		dirs = append(dirs, filepath.Join(up, "shared"))
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, "data", filepath.FromSlash(name))
		if _, err := os.Stat(path); dir != "" && err == nil {
			return path
		}
	}
	t.Skip("needs ../shared: data/" + name)
	return ""
}

func TestHHRows(t *testing.T) {
	d := recipe()
	d.OverLength, d.MaxLength = "truncate_left", 2000
	d.Split = spec.Split{Kind: "holdout", Fraction: 0.1, By: "prompt"}
	s, err := Load(d, sharedFile(t, "hh-rlhf/harmless.jsonl.gz"), bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stats.Read != 1802 || s.Stats.Format != "hh_dialogue" || s.Stats.InBoth != 0 {
		t.Errorf("%+v", s.Stats)
	}
	if s.Stats.Kept < 1750 || len(s.Holdout) < 120 || len(s.Holdout) > 240 {
		t.Errorf("%d kept, %d held out; filters %+v", s.Stats.Kept, len(s.Holdout), s.Stats.Filters)
	}
	for _, e := range append(s.Train, s.Holdout...) {
		if e.Len() > 2000 || e.Sequences[0].Prompt < 2 || e.Sequences[0].IDs[0] != 1 {
			t.Fatalf("row %d: %d tokens, prompt %d", e.Row, e.Len(), e.Sequences[0].Prompt)
		}
	}
}

// The pairs of these dialogues part with the last answer: reading prompts leaves
// out no row that is there without.
func TestHHPrompts(t *testing.T) {
	d := asking()
	d.OverLength, d.MaxLength = "truncate_left", 2000
	s, err := Load(d, sharedFile(t, "hh-rlhf/harmless.jsonl.gz"), bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stats.Met(Prompts) != 0 || s.Stats.Kept < 1750 {
		t.Errorf("%d of %d rows kept: %+v", s.Stats.Kept, s.Stats.Read, s.Stats.Filters)
	}
	for _, e := range s.Train {
		if len(e.Sequences) != 3 || len(e.Lengths) != 2 || e.Len() > 2000 {
			t.Fatalf("row %d: %d sequences of %d tokens, lengths %v", e.Row, len(e.Sequences), e.Len(), e.Lengths)
		}
	}
}

func TestShareGPTRows(t *testing.T) {
	d := recipe()
	d.MaxLength = 100000
	s, err := Load(d, sharedFile(t, "llama-factory-demo/dpo_en_demo.json"), bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stats.Read != 300 || s.Stats.Format != "messages" {
		t.Errorf("%+v", s.Stats)
	}
	if s.Stats.Kept < 295 {
		t.Errorf("%d kept; filters %+v", s.Stats.Kept, s.Stats.Filters)
	}
}
