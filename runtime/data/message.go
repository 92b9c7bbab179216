package data

// A Message is one turn of a conversation.
type Message struct {
	Role    string // system, user, assistant or tool
	Content string
}

// An Encoded is a conversation as token ids.
type Encoded struct {
	IDs    []int32
	Prompt int // leading tokens that come before the last assistant turn's own
}
