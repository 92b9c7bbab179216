package diag

// factsEntries are the problems of tokenizers, templates, data, sources and devices R05xx–R06xx.
func factsEntries() []Entry { return nil }
