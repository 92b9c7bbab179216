package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/text/definition"
)

// newPostProcessor reads which ids the "post_processor" of a tokenizer.json
// puts before and after those of a single text.
func newPostProcessor(raw json.RawMessage) (before, after []int32, err error) {
	name, err := kind(raw)
	if err != nil {
		return nil, nil, err
	}
	switch name {
	case "":
		return nil, nil, nil
	case "ByteLevel": // changes offsets only
		return nil, nil, nil
	case "TemplateProcessing":
		return newTemplateProcessing(raw)
	case "Sequence":
		return newPostProcessors(raw)
	}
	return nil, nil, definition.Unsupported("post-processor", name, "TemplateProcessing", "ByteLevel", "Sequence")
}

func newPostProcessors(raw json.RawMessage) (before, after []int32, err error) {
	var c struct {
		bare
		Processors []json.RawMessage `json:"processors"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, nil, err
	}
	for i, raw := range c.Processors {
		outerBefore, outerAfter, err := newPostProcessor(raw)
		if err != nil {
			return nil, nil, fmt.Errorf("processors[%d]: %w", i, err)
		}
		before = slices.Concat(outerBefore, before)
		after = slices.Concat(after, outerAfter)
	}
	return before, after, nil
}

// A templateItem is a place of a TemplateProcessing: a special token or text.
type templateItem struct {
	SpecialToken *struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	}
	Sequence *struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	}
}

func newTemplateProcessing(raw json.RawMessage) (before, after []int32, err error) {
	var c struct {
		bare
		Single        []templateItem  `json:"single"`
		Pair          json.RawMessage `json:"pair"` // of two texts, which nothing here encodes
		SpecialTokens map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, nil, err
	}
	side, texts := &before, 0
	for _, item := range c.Single {
		switch {
		case item.Sequence != nil && item.Sequence.ID == "A":
			side = &after
			texts++
		case item.SpecialToken != nil:
			special, ok := c.SpecialTokens[item.SpecialToken.ID]
			if !ok {
				return nil, nil, fmt.Errorf("single names %q, which special_tokens lacks", item.SpecialToken.ID)
			}
			*side = append(*side, special.IDs...)
		default:
			return nil, nil, errors.New("single has an item that is neither a special token nor the text A")
		}
	}
	if texts != 1 {
		return nil, nil, fmt.Errorf("single has the text %d times", texts)
	}
	return before, after, nil
}
