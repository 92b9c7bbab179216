package program

import (
	"maps"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// What a map of the recipe holds decides a loss as any other value does.
func TestLossFieldsHaveWhatMapsHold(t *testing.T) {
	stage := func(most, first map[string]int) Stage {
		scalars := map[string]float64{}
		for name, x := range first {
			scalars[name] = float64(x)
		}
		return Stage{
			Data: spec.Data{From: spec.From{Kind: "augment", Caps: spec.Caps{Kind: "named", Map: most}},
				Columns: spec.Columns{Kind: "named", Map: map[string]string{"prompt": "question"}}},
			Model: spec.Model{Scalars: spec.Scalars{Kind: "named", Map: scalars}},
		}
	}
	s := LossFields(stage(map[string]int{"chosen_i_beats_chosen_j": 3}, map[string]int{"scale": 2}))
	for path, want := range map[string]string{
		"data.from.caps": "named", "data.from.caps.chosen_i_beats_chosen_j": "3", "data.columns.prompt": "question", "model.scalars.scale": "2",
	} {
		if s[path] != want {
			t.Errorf("%s is %q, want %q", path, s[path], want)
		}
	}
	for _, other := range []Stage{
		stage(map[string]int{"chosen_i_beats_chosen_j": 4}, map[string]int{"scale": 2}),
		stage(map[string]int{"chosen_i_beats_chosen_k": 3}, map[string]int{"scale": 2}),
		stage(nil, map[string]int{"scale": 2}),
		stage(map[string]int{"chosen_i_beats_chosen_j": 3}, map[string]int{"scale": 1}),
	} {
		if maps.Equal(s, LossFields(other)) {
			t.Errorf("%+v has the same losses", other)
		}
	}
}
