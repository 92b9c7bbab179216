package diag

// checkEntries are the problems of types, axes and numerics of objectives R03xx–R04xx.
func checkEntries() []Entry { return nil }
