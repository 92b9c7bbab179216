package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// settings is what stands beside a tokenizer.json: the names of special
// tokens, further added tokens, the chat template.
type settings struct {
	names    map[string]string // "bos_token" → "<s>"
	tokens   []AddedToken      // with the id that the file gives, or -1
	template string
	addBOS   *bool
	addEOS   *bool
	legacy   *bool // of SentencePiece models
}

// standard are the names that every tokenizer may give, in transformers' order.
var standard = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// readSettings reads the files of a tokenizer's folder that are there, as
// transformers does.
func readSettings(dir string) (settings, error) {
	config, err := readConfig(dir)
	if err != nil {
		return settings{}, err
	}
	s, err := newSettings(config)
	if err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Join(dir, "tokenizer_config.json"), err)
	}
	switch source, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja")); {
	case err == nil: // comes before the one of tokenizer_config.json
		s.template = string(source)
	case !errors.Is(err, os.ErrNotExist):
		return s, err
	}
	return s, nil
}

// readConfig reads tokenizer_config.json, and into it special_tokens_map.json
// where the former has no added_tokens_decoder.
func readConfig(dir string) (map[string]json.RawMessage, error) {
	config := map[string]json.RawMessage{}
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json"} {
		path := filepath.Join(dir, name)
		raw, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if name == "special_tokens_map.json" && config["added_tokens_decoder"] != nil {
			continue
		}
		if err := json.Unmarshal(raw, &config); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return config, nil
}

func newSettings(config map[string]json.RawMessage) (settings, error) {
	s := settings{names: map[string]string{}}
	if err := s.readDecoder(config["added_tokens_decoder"]); err != nil {
		return s, fmt.Errorf("added_tokens_decoder: %w", err)
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(config)), func(key string) bool {
		return !strings.HasSuffix(key, "_token") || slices.Contains(standard, key)
	})
	for _, key := range slices.Concat(standard, others) {
		if err := s.name(key, config[key]); err != nil {
			return s, fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, key := range []string{"additional_special_tokens", "extra_special_tokens"} {
		if err := s.readExtra(config[key]); err != nil {
			return s, fmt.Errorf("%s: %w", key, err)
		}
	}
	for key, flag := range map[string]**bool{"add_bos_token": &s.addBOS, "add_eos_token": &s.addEOS, "legacy": &s.legacy} {
		if raw := config[key]; raw != nil {
			if err := json.Unmarshal(raw, flag); err != nil {
				return s, fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	var err error
	if s.template, err = readTemplate(config["chat_template"]); err != nil {
		return s, fmt.Errorf("chat_template: %w", err)
	}
	return s, nil
}

// readDecoder reads {"id": {"content": …}, …}.
func (s *settings) readDecoder(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	var rows map[string]AddedToken
	if err := json.Unmarshal(raw, &rows); err != nil {
		return err
	}
	for id, t := range rows {
		n, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is not a token id", id)
		}
		t.ID = int32(n)
		s.tokens = append(s.tokens, t)
	}
	slices.SortFunc(s.tokens, func(a, b AddedToken) int { return int(a.ID - b.ID) })
	return nil
}

// name records a special token, given as text or as {"content": …}. Other
// things called …_token, such as a flag, name no token.
func (s *settings) name(key string, raw json.RawMessage) error {
	t, ok, err := readToken(raw)
	if err != nil || !ok {
		return err
	}
	s.names[key] = t.Content
	s.extra(t)
	return nil
}

func readToken(raw json.RawMessage) (t AddedToken, ok bool, err error) {
	t = AddedToken{ID: -1, Special: true}
	if len(raw) == 0 {
		return t, false, nil
	}
	switch raw[0] {
	case '"':
		err = json.Unmarshal(raw, &t.Content)
	case '{':
		err = json.Unmarshal(raw, &t)
		t.ID, t.Special = -1, true
	}
	return t, t.Content != "", err
}

// extra adds a special token unless it is there already.
func (s *settings) extra(t AddedToken) {
	if !slices.ContainsFunc(s.tokens, func(u AddedToken) bool { return u.Content == t.Content }) {
		s.tokens = append(s.tokens, t)
	}
}

// readExtra reads a list of special tokens or, newer, an object of named ones.
func (s *settings) readExtra(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if raw[0] == '{' {
		var named map[string]json.RawMessage
		if err := json.Unmarshal(raw, &named); err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(named)) {
			if err := s.name(key, named[key]); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	for i, raw := range list {
		t, ok, err := readToken(raw)
		if err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		if ok {
			s.extra(t)
		}
	}
	return nil
}

// readTemplate reads a template, or of a list of named ones the default.
func readTemplate(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	if raw[0] == '"' {
		var source string
		err := json.Unmarshal(raw, &source)
		return source, err
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", err
	}
	for _, t := range list {
		if t.Name == "default" {
			return t.Template, nil
		}
	}
	return "", errors.New(`several templates, none of them called "default"`)
}

// addTokens adds the settings' tokens to a definition, as transformers does
// on loading: one that is in the vocabulary becomes an added token with its
// id, another gets the next free id. The flags of added_tokens_decoder win.
func (s *settings) addTokens(d *Tokenizer) error {
	at := map[string]int{}
	next := int32(len(d.Model.Vocab.IDs))
	for i, a := range d.AddedTokens {
		at[a.Content] = i
		next = max(next, a.ID+1)
	}
	for _, t := range s.tokens {
		given := t.ID
		i, there := at[t.Content]
		id, known := d.Model.Vocab.IDs[t.Content]
		switch {
		case there:
			t.ID = d.AddedTokens[i].ID
		case known:
			t.ID = id
		default:
			t.ID = next
			next++
		}
		if given >= 0 && given != t.ID {
			return fmt.Errorf("tokenizer_config.json gives added token %q the id %d, but its place in the vocabulary is %d", t.Content, given, t.ID)
		}
		if !there {
			at[t.Content] = len(d.AddedTokens)
			d.AddedTokens = append(d.AddedTokens, t)
		} else if given >= 0 {
			d.AddedTokens[i] = t
		}
	}
	return nil
}
