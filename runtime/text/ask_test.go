package text

import (
	"errors"
	"slices"
	"testing"
)

// spelt are tokens as the vocabulary spells them.
func spelt(t *Tokenizer, ids []int32) []string {
	var all []string
	for _, id := range ids {
		all = append(all, t.Token(id))
	}
	return all
}

func TestAsk(t *testing.T) {
	tok := chat(t, chatML, false)
	ids, err := tok.Ask("two rows")
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Decode(ids); got != "<s><|user|>\ntwo rows<s>\n<|assistant|>\n" {
		t.Errorf("asked %q", got)
	}
	if _, err := chat(t, "", false).Ask("two rows"); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("without a template: %v", err)
	}
	var bos *BOSError
	if _, err := chat(t, "{{ bos_token }}"+chatML, true).Ask("two rows"); !errors.As(err, &bos) {
		t.Errorf("with BOS twice: %v", err)
	}
}

// What a template says of the time is the same on every day.
func TestAskDoesNotChangeWithTheDay(t *testing.T) {
	tok := chat(t, "{{ strftime_now('%Y') }}", false)
	ids, err := tok.Ask("x")
	if got := tok.Decode(ids); err != nil || got != "1970" {
		t.Errorf("asked %q, %v", got, err)
	}
}

func TestBegin(t *testing.T) {
	tok := chat(t, "", true)
	ids, whole := tok.Begin("two rows"), tok.EncodeSpecial("two rows")
	bos, _ := tok.BOS()
	if ids[0] != bos || !slices.Equal(ids, whole[:len(ids)]) || len(ids) != len(whole)-len(tok.after) {
		t.Errorf("begins %v, EncodeSpecial has %v", ids, whole)
	}
}

func TestEnds(t *testing.T) {
	for _, one := range []struct {
		template string
		want     []string
	}{
		{chatML, []string{"<right>", "<s>"}},
		{"", []string{"<right>"}},
		{"{% for m in messages %}{{ m.content }} and{% endfor %}", []string{"<right>"}},
		{"{{ raise_exception('no') }}", []string{"<right>"}},
	} {
		tok := chat(t, one.template, false)
		if got := spelt(tok, tok.Ends()); !slices.Equal(got, one.want) {
			t.Errorf("answers under %q end with %q, want %q", one.template, got, one.want)
		}
	}
}

// The families' own templates end a turn with a token that need not be EOS.
func TestEndsOfFamilies(t *testing.T) {
	for name, want := range map[string]string{"smollm2": "<|im_end|>", "llama3_1": "<|eot_id|>", "qwen3": "<|im_end|>", "gemma3": "<end_of_turn>"} {
		t.Run(name, func(t *testing.T) {
			tok := family(t, name)
			if got := spelt(tok, tok.Ends()); !slices.Contains(got, want) {
				t.Errorf("answers end with %q, want %s among them", got, want)
			}
		})
	}
}
