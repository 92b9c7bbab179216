package data

import "github.com/rmc-lang/rmc/runtime/text"

// A Message is one turn of a conversation; an Encoded is one as token ids.
type (
	Message = text.Message
	Encoded = text.Encoded
)

// An Encode renders a conversation with the model's template and tokenises it,
// uncut: a Tokenizer's Conversation. Several goroutines call it at once. The
// ids layout does not use it.
type Encode func([]Message) (Encoded, error)
