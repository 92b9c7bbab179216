package program

import "strings"

// FormulaText is what the recipe's text declares a reward to be, with the lets of
// the objective that it is of, where the recipe itself has that.
func (p Program) FormulaText(reward string) string {
	declared := ""
	for line := range strings.Lines(p.Recipe) {
		name, value, ok := strings.Cut(line, "=")
		if ok && strings.Join(strings.Fields(name), " ") == "reward "+reward {
			value, _, _ = strings.Cut(value, "//")
			declared = strings.TrimSpace(value)
		}
	}
	objective, _, _ := strings.Cut(declared, ".")
	return strings.Join(append([]string{declared}, p.Lets(objective)...), "; ")
}

// Lets lists the lets of an objective of the recipe, each on one line and without comments.
func (p Program) Lets(objective string) (lets []string) {
	inside, open := false, false
	for line := range strings.Lines(p.Recipe) {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch first := words[0]; {
		case first == "objective":
			inside, open = len(words) > 1 && words[1] == objective, false
		case strings.HasPrefix(line, "}"):
			inside = false
		case !inside:
		case first == "let":
			lets, open = append(lets, strings.Join(words, " ")), true
		case first == "loss" || first == "report" || first == "param":
			open = false
		case open:
			lets[len(lets)-1] += " " + strings.Join(words, " ")
		}
	}
	return lets
}
