package generate

// A Cache is what a model keeps of each token that it has read: keys and values.
type Cache struct {
	Layers  int // that are read
	KVHeads int
	HeadDim int
	Bytes   int // of a number
}

// Size is the bytes of the keys and values of a batch: of its prompts, padded to
// bucket, and of its rows with room behind them, over all devices.
func (c Cache) Size(shape Shape, bucket, room int) int64 {
	each := 2 * int64(c.Layers) * int64(c.KVHeads) * int64(c.HeadDim) * int64(c.Bytes)
	return each * (int64(shape.Prompts)*int64(bucket) + int64(shape.Rows())*int64(room))
}

// Longest is the most tokens of an answer to a prompt of so many.
func (s *Settings) Longest(prompt int) int {
	if s.Positions > 0 {
		return min(s.MaxTokens, s.Positions-prompt)
	}
	return s.MaxTokens
}

// Fits reports whether a prompt of so many tokens can be gone on from.
func (s *Settings) Fits(prompt int) bool { return s.Positions == 0 || prompt < s.Positions }

// MostRoom is the room that answers of at most so many tokens come to: the last one
// is not read.
func MostRoom(longest int) int { return Room(max(1, longest-1)) }

// A Load is what it takes to answer questions at most.
type Load struct {
	Prompts  int   // different ones
	TooLong  int   // of these, those that cannot be gone on from
	Answers  int   // drawn to the others
	Shortest int   // prompt, in tokens
	Longest  int   // prompt, in tokens
	Tokens   int64 // of all answers, if none ends before it must
	Cache    int64 // bytes of keys and values of the largest batch, over all devices
}

// LoadOf adds up what answers to questions take in batches of a shape.
func LoadOf(all []Question, shape Shape, s Settings, c Cache) Load {
	out := Load{Prompts: len(all)}
	var fitting []Question
	for i, q := range all {
		n := len(q.IDs)
		if i == 0 {
			out.Shortest = n
		}
		out.Shortest, out.Longest = min(out.Shortest, n), max(out.Longest, n)
		if !s.Fits(n) {
			out.TooLong++
			continue
		}
		fitting = append(fitting, q)
		out.Answers += len(q.Answers)
		out.Tokens += int64(len(q.Answers)) * int64(s.Longest(n))
	}
	for _, b := range Batches(fitting, shape) {
		longest := 0
		for _, prompt := range b.Prompt {
			longest = max(longest, s.Longest(len(prompt)))
		}
		out.Cache = max(out.Cache, c.Size(shape, b.Bucket, MostRoom(longest)))
	}
	return out
}
