package trainer

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/rundir"
)

// An inspectCommand prints what is in this trainer and in its run directory.
type inspectCommand struct {
	JSON   bool `help:"Print it as JSON."`
	Recipe bool `help:"Print the recipe that was compiled in, and nothing else."`
}

// Run prints; it opens no backend and reads no data.
func (c *inspectCommand) Run(in *invocation) error {
	if c.Recipe {
		_, err := io.WriteString(in.stdout, in.program.Recipe)
		return err
	}
	rec, err := rundir.Read(in.dir)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(in.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Program   string            `json:"program"`
			Recipe    string            `json:"recipe_sha256"`
			Overrides []string          `json:"overrides"`
			Values    map[string]string `json:"values"`
			Run       *rundir.Record    `json:"run"`
		}{in.program.Name, disk.Digest(in.program.Recipe), in.program.Overrides, valueMap(in.program), rec})
	}
	fmt.Fprintf(in.stdout, "%s\nrecipe sha256 %s\n\n", describe(in.program), disk.Digest(in.program.Recipe))
	for _, v := range in.program.Values() {
		fmt.Fprintf(in.stdout, "%-34s %s\n", v[0], v[1])
	}
	fmt.Fprintln(in.stdout)
	return in.inspectRun(rec)
}

// inspectRun prints the state of the run directory.
func (in *invocation) inspectRun(rec *rundir.Record) error {
	if rec == nil {
		fmt.Fprintf(in.stdout, "run %s: none yet\n", in.dir)
		return nil
	}
	steps, err := rundir.ReadLines[map[string]any](filepath.Join(in.dir, rundir.MetricsFile))
	if err != nil {
		return err
	}
	fmt.Fprintf(in.stdout, "run %s: %s, started %s, %d steps recorded\n", in.dir, rec.Status, rec.Started.Format("2006-01-02 15:04:05 UTC"), len(steps))
	if rec.Error != "" {
		fmt.Fprintf(in.stdout, "  %s\n", rec.Error)
	}
	if d := rec.Differs(in.program); d != "" {
		fmt.Fprintf(in.stdout, "  it is another experiment than this trainer: its %s differs\n", d)
	}
	if rec.Contract != nil {
		fmt.Fprintf(in.stdout, "scoring contract %s\n", rec.Contract.Hash)
	}
	for _, res := range rec.Results {
		fmt.Fprintln(in.stdout, results.Headline(res))
	}
	for _, c := range rec.Comparisons {
		fmt.Fprintln(in.stdout, c)
	}
	return nil
}

func valueMap(p program.Program) map[string]string {
	m := map[string]string{}
	for _, v := range p.Values() {
		m[v[0]] = v[1]
	}
	return m
}
