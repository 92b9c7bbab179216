package text

import (
	"encoding/json"
	"errors"

	"github.com/rmc-lang/rmc/runtime/text/pattern"
)

// kind is the "type" of a component of a definition; "" if there is none.
func kind(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var t struct{ Type string }
	if err := json.Unmarshal(raw, &t); err != nil {
		return "", err
	}
	if t.Type == "" {
		return "", errors.New("a component without a type")
	}
	return t.Type, nil
}

// A match is what Replace and Split look for: {"String": "x"} or {"Regex": "x"}.
type match struct {
	String *string
	Regex  *string
}

func (m match) compile() (*pattern.Pattern, error) {
	switch {
	case m.Regex != nil:
		return pattern.Compile(*m.Regex)
	case m.String != nil && *m.String != "":
		return pattern.Literal(*m.String), nil
	}
	return nil, errors.New("neither a String nor a Regex to look for")
}
