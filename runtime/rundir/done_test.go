package rundir

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
)

// What a filter came to is told in words, and in run.json by fields of their own.
func TestFilteredIsTold(t *testing.T) {
	f := Filtered{Hardness: data.Hardness{Made: 4, Hard: 1}, Scorer: "rm", Least: 0.2}
	text, err := json.Marshal(f)
	if err != nil || !strings.Contains(string(text), `"made":4,"hard":1`) {
		t.Errorf("%s, %v", text, err)
	}
	if got := f.String(); got != "rm is at least 0.2 from the label of 1 of 4 pairs that were made (25.0 %), which are kept" {
		t.Errorf("%q", got)
	}
}
