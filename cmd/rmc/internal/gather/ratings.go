package gather

import (
	"maps"
	"slices"
	"strconv"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// ratingFacts is what the rows of ratings say of each attribute.
func ratingFacts(d spec.Data, s *data.Set) []facts.Rating {
	var all []facts.Rating
	for i, name := range s.Attributes {
		f := facts.Rating{Attribute: name, Counted: counted(d, s, name)}
		values := map[float32]int{}
		for _, e := range slices.Concat(s.Train, s.Holdout) {
			if x := e.Columns[i]; x == x { // else NaN: missing
				f.Known++
				values[x]++
			} else {
				f.Missing++
			}
		}
		if len(values) == 1 && f.Known > 1 {
			f.Constant = true
			f.Value = number(slices.Collect(maps.Keys(values))[0])
		} else if x, ok := sentinel(values, f.Known); ok {
			f.Value, f.ValueRows = number(x), values[x]
		}
		all = append(all, f)
	}
	return all
}

func number(x float32) string { return strconv.FormatFloat(float64(x), 'g', -1, 32) }

// counted reports whether an attribute is the number of the response's tokens:
// length, where no column is called so.
func counted(d spec.Data, s *data.Set, name string) bool {
	column := func(c data.ColumnReport) bool { return c.Name == name }
	return name == "length" && d.Columns.Map[name] == "" && !slices.ContainsFunc(s.Stats.Columns, column)
}

// sentinel finds a value that likely means missing: a negative number that at
// least one row in twenty has, below all others by more than twice their range,
// and these not negative.
func sentinel(values map[float32]int, known int) (float32, bool) {
	sorted := slices.Sorted(maps.Keys(values))
	if len(sorted) < 2 {
		return 0, false
	}
	least, next, most := sorted[0], sorted[1], sorted[len(sorted)-1]
	return least, least < 0 && next >= 0 && 20*values[least] >= known && next-least > 2*(most-next)
}
