package optim

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// The names under which a checkpoint keeps the moments of a parameter.
const (
	momentM = "adam.m/"
	momentV = "adam.v/"
)

// Stored is the state as a file: the trained parameters under their own names, and
// their moments.
func (st *Stepper) Stored() []safetensors.Data {
	var all []safetensors.Data
	for i, p := range st.net.Trained {
		all = append(all, st.net.Layout.Stored(p.Name, p.Shape, p.Value),
			st.net.Layout.Stored(momentM+p.Name, p.Shape, st.m[i]), st.net.Layout.Stored(momentV+p.Name, p.Shape, st.v[i]))
	}
	return all
}

// Restore puts what Stored gave, from the file at path, on the devices. An error
// names the file and what it lacks.
func (st *Stepper) Restore(path string) error {
	state, err := model.ReadSafetensors(path, "")
	if err != nil {
		return err
	}
	for i, p := range st.net.Trained {
		for name, into := range map[string]**mesh.Array{p.Name: &p.Value, momentM + p.Name: &st.m[i], momentV + p.Name: &st.v[i]} {
			value, ok := state[name]
			if !ok {
				return fmt.Errorf("%s has no %s", path, name)
			}
			if err := (*into).Free(); err != nil {
				return err
			}
			if *into, err = st.net.Layout.Place(value, p.Axes); err != nil {
				return err
			}
		}
	}
	return nil
}
