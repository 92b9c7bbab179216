package trainer

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"
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
	rec, err := readRecord(in.dir)
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
			Run       *Record           `json:"run"`
		}{in.program.Name, hash(in.program.Recipe), in.program.Overrides, valueMap(in.program), rec})
	}
	fmt.Fprintf(in.stdout, "%s\nrecipe sha256 %s\n\n", describe(in.program), hash(in.program.Recipe))
	for _, v := range values(in.program) {
		fmt.Fprintf(in.stdout, "%-34s %s\n", v[0], v[1])
	}
	fmt.Fprintln(in.stdout)
	return in.inspectRun(rec)
}

// inspectRun prints the state of the run directory.
func (in *invocation) inspectRun(rec *Record) error {
	if rec == nil {
		fmt.Fprintf(in.stdout, "run %s: none yet\n", in.dir)
		return nil
	}
	steps, err := readLines[map[string]any](filepath.Join(in.dir, metricsFile))
	if err != nil {
		return err
	}
	fmt.Fprintf(in.stdout, "run %s: %s, started %s, %d steps recorded\n", in.dir, rec.Status, rec.Started.Format("2006-01-02 15:04:05 UTC"), len(steps))
	if rec.Error != "" {
		fmt.Fprintf(in.stdout, "  %s\n", rec.Error)
	}
	if d := rec.differs(in.program); d != "" {
		fmt.Fprintf(in.stdout, "  it is another experiment than this trainer: its %s differs\n", d)
	}
	if rec.Contract != nil {
		fmt.Fprintf(in.stdout, "scoring contract %s\n", rec.Contract.Hash)
	}
	for _, res := range rec.Results {
		fmt.Fprintln(in.stdout, headline(res))
	}
	for _, c := range rec.Comparisons {
		fmt.Fprintln(in.stdout, c)
	}
	return nil
}

// values lists every value that --set can change, with its path.
func values(p Program) [][2]string {
	var out [][2]string
	seen := map[string]bool{}
	add := func(prefix string, v any) {
		if !seen[prefix] {
			seen[prefix] = true
			out = append(out, fields(prefix, reflect.ValueOf(v))...)
		}
	}
	for _, m := range p.Encoders {
		add("model."+m.Name, m)
	}
	for _, s := range p.Stages {
		if s.Model.Name != "" {
			add("model."+s.Model.Name, s.Model)
		}
		add("data."+s.Data.Name, s.Data)
		switch s.Kind {
		case "fit":
			add("fit."+s.Fit.Name, s.Fit)
		case "label":
			add("label."+s.Label.Name, s.Label)
		case "train":
			add("train."+s.Train.Name, s.Train)
		default:
			add("evaluate."+s.Evaluate.Name, s.Evaluate)
		}
	}
	add("mesh", p.Mesh)
	return out
}

// fields walks a spec struct by its rmr tags, leaving out what does not apply
// to its kind.
func fields(prefix string, v reflect.Value) [][2]string {
	var out [][2]string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("rmr"), ",")
		if name == "" {
			continue
		}
		f, _, err := fieldByTag(v, name)
		if err != nil {
			continue
		}
		path := prefix + "." + name
		if f.Kind() == reflect.Struct {
			if kind := f.FieldByName("Kind"); kind.IsValid() {
				out = append(out, [2]string{path, kind.String()})
			}
			out = append(out, fields(path, f)...)
			continue
		}
		out = append(out, [2]string{path, fmt.Sprint(f.Interface())})
	}
	return out
}

func valueMap(p Program) map[string]string {
	m := map[string]string{}
	for _, v := range values(p) {
		m[v[0]] = v[1]
	}
	return m
}
