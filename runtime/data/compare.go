package data

const (
	contextMark = "[CONTEXT]"
	firstMark   = "[RESPONSE A]"
	secondMark  = "[RESPONSE B]"
)
