package program

import (
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// What a model was trained on has a source, also where its data are made of others.
func TestSourcesOf(t *testing.T) {
	made := func(name, kind string, of ...string) spec.Data {
		return spec.Data{Name: name, From: spec.From{Kind: kind, Data: of}}
	}
	p := Program{Data: []spec.Data{
		{Name: "a", Source: "file:a.jsonl"}, {Name: "b", Source: "file:b.jsonl"}, {Name: "judged", Source: "file:a.jsonl", Label: "judged"},
		made("more", "augment", "a"), made("both", "union", "more", "b"), made("again", "union", "a", "judged"),
	}}
	for i, want := range []string{"file:a.jsonl", "file:b.jsonl", "file:a.jsonl", "file:a.jsonl", "file:a.jsonl and file:b.jsonl", "file:a.jsonl"} {
		if got := p.SourcesOf(p.Data[i]); got != want {
			t.Errorf("%s is from %q, want %q", p.Data[i].Name, got, want)
		}
	}
}
