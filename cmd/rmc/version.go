package main

import (
	"fmt"
	"runtime"

	rmc "github.com/rmc-lang/rmc"
)

// A versionCommand prints what this rmc is.
type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the version of rmc, the digest of the runtime it carries, which
// decides what its trainers do, and the Go that compiled rmc.
func (v *versionCommand) Run(c *console) error {
	files, err := carriedFiles(rmc.Source)
	if err != nil {
		return err
	}
	facts := struct {
		RMC     string `json:"rmc"`
		Runtime string `json:"runtime"`
		Go      string `json:"go"`
	}{rmcVersion, "sha256:" + digest(files), runtime.Version()}
	if v.JSON {
		return printJSON(c.out, facts)
	}
	_, err = fmt.Fprintf(c.out, "rmc      %s\nruntime  %s\ngo       %s\n", facts.RMC, facts.Runtime, facts.Go)
	return err
}

// rmcVersion is the version that goes into rmc.lock. It is written here and not
// taken from the build, which would make the lock of a recipe differ between
// go install and a checkout.
const rmcVersion = "v0.1.0"
