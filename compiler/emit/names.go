package emit

import (
	"go/token"
	"strings"
)

// names maps a declaration ("model rm") to its Go identifier.
type names map[string]string

// reserved are the identifiers that a program has before any declaration.
var reserved = []string{"op", "spec", "trainer", "recipe", "lock", "mesh", "main", "embed"}

// of returns the identifier of a declaration, chosen the first time: models,
// data and objectives are called what the recipe calls them, stages trainRM. A
// name that is taken or means something to Go gets the keyword behind it. from
// is the name that it is made of, where that is not the declaration's own.
func (n names) of(keyword, name, from string) string {
	key := keyword + " " + name
	if id, ok := n[key]; ok {
		return id
	}
	if from == "" {
		from = name
	}
	id := camel(from)
	if keyword == "train" || keyword == "evaluate" {
		id = keyword + title(from)
	}
	for n.taken(id) {
		id += title(keyword)
	}
	n[key] = id
	return id
}

func (n names) taken(id string) bool {
	for _, r := range reserved {
		if id == r {
			return true
		}
	}
	for _, other := range n {
		if id == other {
			return true
		}
	}
	return token.IsKeyword(id) || predeclared(id)
}

// predeclared reports whether Go gives id a meaning that a program needs.
func predeclared(id string) bool {
	switch id {
	case "string", "int", "float64", "bool", "nil", "true", "false", "init":
		return true
	}
	return false
}

// camel turns bradley_terry into bradleyTerry.
func camel(name string) string {
	words := strings.FieldsFunc(name, func(c rune) bool { return c == '_' })
	for i := range words {
		if i > 0 {
			words[i] = title(words[i])
		}
	}
	if len(words) == 0 {
		return "x"
	}
	return strings.Join(words, "")
}

// title turns bradley_terry into BradleyTerry and rm, which is short for
// something, into RM.
func title(name string) string {
	if len(name) <= 2 {
		return strings.ToUpper(name)
	}
	word := camel(name)
	return strings.ToUpper(word[:1]) + word[1:]
}
