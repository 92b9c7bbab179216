package record

import "github.com/rmc-lang/rmc/runtime/text"

// A Message is one turn of a conversation.
type Message = text.Message
