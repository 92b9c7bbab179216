package gather

import (
	"reflect"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The compiler knows from spec, the runtime from arch, what an adapter may be
// put on.
func TestProjectionsOfSpecAreThoseOfTheRuntime(t *testing.T) {
	on, _ := reflect.TypeFor[spec.Tune]().FieldByName("On")
	if have, want := on.Tag.Get("one_of"), strings.Join(arch.Projections(), "|"); have != want {
		t.Errorf("spec has %s, and arch %s", have, want)
	}
}
