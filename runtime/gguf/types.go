package gguf

import "fmt"

// A Type says how the elements of a tensor are stored.
type Type uint32

// The storage types, numbered as in ggml.h.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q5_0 Type = 6
	Q5_1 Type = 7
	Q8_0 Type = 8
	Q8_1 Type = 9
	Q2_K Type = 10
	Q3_K Type = 11
	Q4_K Type = 12
	Q5_K Type = 13
	Q6_K Type = 14
	Q8_K Type = 15
	I8   Type = 24
	I16  Type = 25
	I32  Type = 26
	I64  Type = 27
	F64  Type = 28
	BF16 Type = 30
)

// layout is how a type is cut into blocks: so many elements in so many bytes
// (ggml.c, type_traits).
type layout struct {
	name            string
	elements, bytes int64
}

func (t Type) layout() (l layout, ok bool) {
	switch t {
	case F32:
		return layout{"F32", 1, 4}, true
	case F16:
		return layout{"F16", 1, 2}, true
	case Q4_0:
		return layout{"Q4_0", 32, 18}, true
	case Q4_1:
		return layout{"Q4_1", 32, 20}, true
	case Q5_0:
		return layout{"Q5_0", 32, 22}, true
	case Q5_1:
		return layout{"Q5_1", 32, 24}, true
	case Q8_0:
		return layout{"Q8_0", 32, 34}, true
	case Q8_1:
		return layout{"Q8_1", 32, 36}, true
	case Q2_K:
		return layout{"Q2_K", 256, 84}, true
	case Q3_K:
		return layout{"Q3_K", 256, 110}, true
	case Q4_K:
		return layout{"Q4_K", 256, 144}, true
	case Q5_K:
		return layout{"Q5_K", 256, 176}, true
	case Q6_K:
		return layout{"Q6_K", 256, 210}, true
	case Q8_K:
		return layout{"Q8_K", 256, 292}, true
	}
	return t.plain()
}

// plain is the layout of the types that are not quantised, but for F32 and F16.
func (t Type) plain() (l layout, ok bool) {
	switch t {
	case I8:
		return layout{"I8", 1, 1}, true
	case I16:
		return layout{"I16", 1, 2}, true
	case I32:
		return layout{"I32", 1, 4}, true
	case I64:
		return layout{"I64", 1, 8}, true
	case F64:
		return layout{"F64", 1, 8}, true
	case BF16:
		return layout{"BF16", 1, 2}, true
	}
	return layout{}, false
}

// String is ggml's name of the type: "Q4_K".
func (t Type) String() string {
	if l, ok := t.layout(); ok {
		return l.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}
