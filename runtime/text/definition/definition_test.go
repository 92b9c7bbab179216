package definition

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestVocabularyJSON(t *testing.T) {
	var v Vocabulary
	if err := json.Unmarshal([]byte(`[["a",-1.5],["b",-2]]`), &v); err != nil || v.IDs["b"] != 1 || v.scores[0] != -1.5 {
		t.Errorf("%v (%v)", v, err)
	}
	raw, err := json.Marshal(v)
	var back Vocabulary
	if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(v, back) {
		t.Errorf("%s (%v) reads as %v", raw, err, back)
	}
	if err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(`[["a","b"]]`), &v); err == nil {
		t.Error("a score that is a text is no error")
	}
}
