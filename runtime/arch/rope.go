package arch

import (
	"encoding/json"
	"fmt"
)

// rope is one set of rotation parameters as config.json spells them; the old
// spelling of rope_type is type.
type rope struct {
	RopeType string   `json:"rope_type"`
	Type     string   `json:"type"`
	Theta    *float64 `json:"rope_theta"`
	Factor   float64  `json:"factor"`
	LowFreq  float64  `json:"low_freq_factor"`
	HighFreq float64  `json:"high_freq_factor"`
	Original int      `json:"original_max_position_embeddings"`
	Partial  *float64 `json:"partial_rotary_factor"`
}

// ropes reads the rotations of layers without and with a window, from
// rope_theta and rope_scaling (transformers 4) or rope_parameters (5), which is
// flat or has one entry for each layer type.
func (j config) ropes(c Config, d defaults) (full, local Rope, err error) {
	if isObject(j.RopeParameters) {
		return j.ropes5(c, d)
	}
	full, err = parseRope(j.RopeScaling, or(j.RopeTheta, d.theta), c.MaxPositions)
	return full, j.local(c, full), err
}

// local is the rotation of layers with a window where nothing is said of it.
func (j config) local(c Config, full Rope) Rope {
	if c.Family == "gemma3" {
		return Rope{Type: "default", Theta: or(j.RopeLocalBaseFreq, 10_000)}
	}
	return full
}

func (j config) ropes5(c Config, d defaults) (full, local Rope, err error) {
	var byType struct {
		Full  json.RawMessage `json:"full_attention"`
		Local json.RawMessage `json:"sliding_attention"`
	}
	if err := json.Unmarshal(j.RopeParameters, &byType); err != nil {
		return full, local, fmt.Errorf("rope_parameters: %w", err)
	}
	theta := or(j.RopeTheta, d.theta)
	if !isObject(byType.Full) && !isObject(byType.Local) {
		full, err = parseRope(j.RopeParameters, theta, c.MaxPositions)
		return full, j.local(c, full), err
	}
	if full, err = parseRope(byType.Full, theta, c.MaxPositions); err != nil {
		return full, local, err
	}
	if c.Family == "gemma3" {
		theta = or(j.RopeLocalBaseFreq, 10_000)
	}
	local, err = parseRope(byType.Local, theta, c.MaxPositions)
	return full, local, err
}

func parseRope(text json.RawMessage, theta float64, maxPositions int) (Rope, error) {
	if !isObject(text) {
		return Rope{Type: "default", Theta: theta}, nil
	}
	var j rope
	if err := json.Unmarshal(text, &j); err != nil {
		return Rope{}, fmt.Errorf("rope parameters: %w", err)
	}
	r := Rope{Type: j.RopeType, Theta: or(j.Theta, theta)}
	if r.Type == "" {
		r.Type = j.Type
	}
	if j.Partial != nil && *j.Partial != 1 {
		return Rope{}, &UnsupportedError{"partial_rotary_factor", fmt.Sprint(*j.Partial), []string{"1"}}
	}
	switch r.Type {
	case "", "default":
		r.Type = "default"
		return r, nil
	case "linear":
		r.Factor = j.Factor
	case "llama3":
		r.Factor, r.LowFreq, r.HighFreq, r.Original = j.Factor, j.LowFreq, j.HighFreq, j.Original
		if r.Original == 0 {
			r.Original = maxPositions
		}
		if r.LowFreq <= 0 || r.HighFreq <= r.LowFreq {
			return Rope{}, fmt.Errorf("rope llama3 needs 0 < low_freq_factor < high_freq_factor, has %g and %g", r.LowFreq, r.HighFreq)
		}
	default:
		return Rope{}, &UnsupportedError{"rope_type", r.Type, []string{"default", "linear", "llama3"}}
	}
	if r.Factor <= 0 {
		return Rope{}, fmt.Errorf("rope %s needs a positive factor, has %g", r.Type, r.Factor)
	}
	return r, nil
}

func isObject(text json.RawMessage) bool { return len(text) > 0 && text[0] == '{' }
