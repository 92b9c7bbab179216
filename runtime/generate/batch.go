package generate

// A Question is a prompt that several answers are wanted to.
type Question struct {
	IDs     []int32
	Answers []int // numbers of its answers, as the caller counts them
}

// A Shape is what all batches of a run have in common.
type Shape struct {
	Prompts int
	Samples int // rows of each prompt
}

// Rows is how many answers a batch holds.
func (s Shape) Rows() int { return s.Prompts * s.Samples }

// ShapeOf is a shape of about so many rows for samples of each question, with a
// multiple of ways prompts.
func ShapeOf(rows, samples, ways int) Shape {
	s := Shape{Samples: max(1, min(rows, samples))}
	s.Prompts = (max(1, rows/s.Samples) + ways - 1) / ways * ways
	return s
}

// A Batch is prompts that are read, and answers that are written, together.
type Batch struct {
	Bucket int       // length of all prompts, in tokens, with padding
	Prompt [][]int32 // at most Shape.Prompts
	Answer [][]int   // of each prompt, at most Shape.Samples
}

// Batches lays questions into batches. Which bucket a prompt is in is a function of
// its length alone.
func Batches(all []Question, shape Shape) []Batch {
	var full []Batch
	open, buckets := map[int]*Batch{}, []int{}
	for _, q := range all {
		bucket := Bucket(len(q.IDs))
		for from := 0; from < len(q.Answers); from += shape.Samples {
			b := open[bucket]
			if b == nil {
				b = &Batch{Bucket: bucket}
				open[bucket], buckets = b, append(buckets, bucket)
			}
			b.Prompt = append(b.Prompt, q.IDs)
			b.Answer = append(b.Answer, q.Answers[from:min(len(q.Answers), from+shape.Samples)])
			if len(b.Prompt) == shape.Prompts {
				full = append(full, *b)
				delete(open, bucket)
			}
		}
	}
	for _, bucket := range buckets {
		if b := open[bucket]; b != nil {
			full = append(full, *b)
			delete(open, bucket)
		}
	}
	return full
}

// Lengths are 64 tokens, then 128, then multiples of 256: each is a compile.
const (
	shortest = 64
	multiple = 256
)

// Bucket is the padded length of a prompt of so many tokens.
func Bucket(tokens int) int {
	for length := shortest; length < multiple; length *= 2 {
		if tokens <= length {
			return length
		}
	}
	return (tokens + multiple - 1) / multiple * multiple
}

// Room is how many places answers have behind their prompts once so many tokens of
// them are to be read: few sizes, of which each is four times the one before.
func Room(tokens int) int {
	room := shortest
	for room < tokens {
		room *= 4
	}
	return room
}

// Tokens are the prompts of a batch, one after another and padded to its length,
// and their lengths: [prompt*token] and [prompt]. What is not there is a prompt of
// one token.
func (b Batch) Tokens(shape Shape) (ids, lengths []int32) {
	ids, lengths = make([]int32, shape.Prompts*b.Bucket), make([]int32, shape.Prompts)
	for i := range lengths {
		lengths[i] = 1
	}
	for i, prompt := range b.Prompt {
		copy(ids[i*b.Bucket:], prompt)
		lengths[i] = int32(len(prompt))
	}
	return ids, lengths
}
