package main

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// look is a pair whose rejected side is cut.
func look(policy string, cut []int32) lookText {
	full := []data.Sequence{{IDs: []int32{1, 2, 3, 4}, Prompt: 2}, {IDs: []int32{1, 2, 5, 6, 7}, Prompt: 2}}
	return lookText{
		data: spec.Data{Name: "d", Kind: "preference", OverLength: policy},
		look: data.Look{Where: "d.jsonl:1", Views: []string{"chosen", "rejected"}, Full: full, Cut: []data.Sequence{full[0], {IDs: cut}}},
	}
}

func TestPreviewColoursChangeNoWord(t *testing.T) {
	plainly, coloured := look("truncate_right", []int32{1, 2, 5, 6}), look("truncate_right", []int32{1, 2, 5, 6})
	coloured.colour = true
	want, got := plainly.text(), coloured.text()
	if strings.Contains(want, "\x1b") {
		t.Errorf("escapes where none are wanted: %q", want)
	}
	for name, code := range map[string]string{"prompt": "\x1b[2m1\x1b[0m", "scored": "\x1b[1;32m6\x1b[0m", "cut": "\x1b[9;31m7\x1b[0m"} {
		if !strings.Contains(got, code) {
			t.Errorf("the %s is not painted %q in %q", name, code, got)
		}
	}
	// Without colours, brackets say what is cut away.
	want = strings.NewReplacer("|[cut away:", "", "|]", "").Replace(want)
	if got := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(got, ""); got != want {
		t.Errorf("in colour it reads\n%s\nand plain\n%s", got, want)
	}
}

func TestPreviewShowsWhichEndIsCut(t *testing.T) {
	for _, test := range []struct {
		policy string
		cut    []int32
		want   string
	}{
		{"truncate_right", []int32{1, 2, 5}, "5|[cut away:|6|7|]\n  scored: token 3, 5\n"},
		{"truncate_left", []int32{1, 5, 6, 7}, "    1|[cut away:|2|]\n  response, 3 tokens\n    5|6|7\n  scored: token 5, 7\n"},
	} {
		l := look(test.policy, test.cut)
		if got := l.text(); !strings.Contains(got, test.want) {
			t.Errorf("%s shows\n%s\nwithout %q", test.policy, got, test.want)
		}
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		" a": "·a", "\n\n": "⏎⏎", "\t": "→", "\x1b[31m": "<0x1b>[31m", "é": "é", "\u202e": "<0x202e>", "": "",
	} {
		if got := visible(text); got != want {
			t.Errorf("visible(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestPreviewOfRatings(t *testing.T) {
	full := []data.Sequence{{IDs: []int32{1, 2, 3, 4}, Prompt: 2}, {IDs: []int32{1, 2}, Prompt: 2}}
	l := lookText{
		data: spec.Data{Name: "d", Kind: "ratings", OverLength: "drop"},
		look: data.Look{
			Where: "d.jsonl:1", Views: []string{"response", "prompt"}, Full: full, Cut: full,
			Columns: map[string]float32{"good": float32(math.NaN()), "length": 2},
		},
	}
	want := `d.jsonl:1: row 1 of data d, trained on
good is missing
length = 2

response: 4 tokens
  prompt, 2 tokens
    1|2
  response, 2 tokens
    3|4
  scored: token 4, 4

prompt: 2 tokens
  prompt, 2 tokens
    1|2
  read: token 2, 2
`
	if got := l.text(); got != want {
		t.Errorf("shows\n%s\nwant\n%s", got, want)
	}
}
