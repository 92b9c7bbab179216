package schema

import "slices"

// OfOther is the kind of s that takes a name, or "".
func (s Struct) OfOther(name string) string {
	for _, kind := range s.Kinds {
		if f := s.Field(name); f != nil && f.Applies(kind) || s.Rest(kind, name) != nil {
			return kind
		}
	}
	return ""
}

// Owner returns the variant that has a field, as in optimizer = adamw { lr = … },
// and its kind, when the field was written one level too high.
func (s Struct) Owner(name string) (variant, kind string) {
	for _, f := range s.Fields {
		if !IsVariant(f.Type) {
			continue
		}
		inner := Of(f.Type)
		for _, kind := range inner.Kinds {
			if slices.Contains(inner.Names(kind), name) {
				return f.Name, kind
			}
		}
	}
	return "", ""
}
