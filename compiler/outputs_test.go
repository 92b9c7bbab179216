package compiler_test

import (
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler"
)

const odin = `recipe quickstart

use std/odin

model rm: reward {
  base = "file:model"
  head = linear { outputs = 2, labels = LABELS }
}

data prefs: preference { source = "file:pairs.jsonl", over_length = drop, split = none }

train rm on prefs { objective = odin }

reward quality = odin.quality
evaluate quality on prefs.train
`

// O4: whatever the order of a head's outputs, the reward is the one of that name,
// and no recipe can ask for one by its place.
func TestO4OutputsAreReadByName(t *testing.T) {
	for labels, want := range map[string]string{
		"[quality, length]": `"head", 0 /* quality */)`,
		"[length, quality]": `"head", 1 /* quality */)`,
	} {
		r := mustCompile(t, strings.Replace(odin, "LABELS", labels, 1))
		if got := r.Rewards["quality"].Head; got != "quality" {
			t.Errorf("%s: the reward is output %q", labels, got)
		}
		files, err := compiler.Emit(r)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(files[0].Content); !strings.Contains(text, want) {
			t.Errorf("%s: the program does not read %s\n%s", labels, want, text)
		}
	}
	own := strings.Replace(odin, "LABELS", "[quality, length]", 1) + `
objective placed on preference {
  loss = mean(-log_sigmoid(heads(chosen)[0] - heads(rejected)[0]))
}
`
	if _, errs := compile(t, own); !errs.HasErrors() {
		t.Error("heads(chosen)[0] compiles")
	}
}
