package data

// A Micro is what one forward takes: examples padded to one fixed shape.
//
// Rows are view-major: row v*Examples+e is sequence v of example e, so the first
// Examples rows are all chosen sequences and the next all rejected ones. A
// sequence that is not there (a ranking shorter than Set.Width, an example slot
// that the step does not fill) is all padding, with Last 0 and Present 0.
type Micro struct {
	Examples int // example slots; equal in all micro-batches of a run
	Views    int // sequences per example slot
	Bucket   int // tokens per row

	Tokens    []int32 // [row, token]; padding is 0 and is never looked at
	Positions []int32 // [row, token]; from 0 in each sequence; padding is 0
	Segments  []int32 // [row, token]; 1 for a sequence's tokens, 0 for padding
	Last      []int32 // [row] index of the token whose state is scored

	Present []float32   // [view, example] 1 where there is a sequence, else 0
	Valid   []float32   // [example] 1 for an example, 0 for a slot that is padding
	Columns [][]float32 // [column][example] as named by Set.Columns; 0 in padding slots
	Index   []int       // [example] which of the step's examples this is; -1 in padding slots
	Real    int         // tokens that are not padding
}
