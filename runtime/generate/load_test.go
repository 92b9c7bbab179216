package generate

import "testing"

// A load is of the questions that can be answered: each answer as long as it may be,
// and the keys and values of the batch that has most.
func TestLoad(t *testing.T) {
	s := Settings{MaxTokens: 100, Positions: 300}
	c := Cache{Layers: 3, KVHeads: 2, HeadDim: 8, Bytes: 4} // 384 bytes a token
	all := []Question{{IDs: make([]int32, 60), Answers: make([]int, 2)}, {IDs: make([]int32, 290), Answers: make([]int, 2)}, {IDs: make([]int32, 300), Answers: make([]int, 2)}}
	got := LoadOf(all, ShapeOf(4, 2, 1), s, c)
	// The second prompt has a bucket of 512 and room for 10 tokens, the first of 64 and for 99.
	second, first := int64(384*(2*512+4*64)), int64(384*(2*64+4*256))
	want := Load{Prompts: 3, TooLong: 1, Answers: 4, Shortest: 60, Longest: 300, Tokens: 2*100 + 2*10, Cache: max(first, second)}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if s.Fits(300) || !s.Fits(299) || MostRoom(1) != Room(1) || MostRoom(65) != 64 || MostRoom(66) != 256 {
		t.Error("the last token of an answer is not read")
	}
	if got := LoadOf(nil, ShapeOf(4, 2, 1), s, c); got != (Load{}) {
		t.Errorf("of nothing %+v", got)
	}
}
