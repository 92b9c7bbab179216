package diag

// syntaxEntries are the problems of a text that is not a recipe yet.
func syntaxEntries() []Entry { return nil }
