package main

import (
	"fmt"
	"strings"

	"github.com/rmc-lang/rmc/lang/diag"
)

// An explainCommand says what a code or a field means.
type explainCommand struct {
	What string `arg:"" optional:"" name:"code|field" help:"A code (R0101) or a field (optimizer.lr); all codes are listed when absent."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints the entry of a code, the fields of a name, or the list of codes.
func (e *explainCommand) Run(c *console) error {
	if e.What == "" {
		return listCodes(c)
	}
	if entry, ok := diag.Lookup(e.What); ok {
		return explainCode(c, entry, e.JSON)
	}
	return fmt.Errorf("nothing is known of %q: rmc explain lists the codes", e.What)
}

func listCodes(c *console) error {
	for _, entry := range diag.Entries() {
		if _, err := fmt.Fprintf(c.out, "%s  %s\n", entry.Code, entry.Title); err != nil {
			return err
		}
	}
	return nil
}

func explainCode(c *console, entry diag.Entry, asJSON bool) error {
	if asJSON {
		return printJSON(c.out, entry)
	}
	_, err := fmt.Fprintf(c.out, "%s: %s\n\n%s\n\nFor example:\n\n%s\n",
		entry.Code, entry.Title, strings.TrimSpace(entry.Explain), indent(entry.Example, "    "))
	return err
}

// indent puts prefix before each line of text that is not empty.
func indent(text, prefix string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = prefix + line
		}
	}
	return strings.Join(lines, "\n")
}
