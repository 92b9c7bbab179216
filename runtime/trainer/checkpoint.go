package trainer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// The files of one checkpoint. The table is written last: a folder without it,
// or whose other file has not the digest it states, is not a checkpoint.
const (
	stateFile = "state.safetensors"
	tableFile = "checkpoint.json"
)

// A checkpoint is where a train stage stands between two optimizer steps. With
// the state beside it, and nothing else, the stage goes on as if it had never
// stopped: order, learning rate and initial head are functions of the recipe.
type checkpoint struct {
	Version int               `json:"version"`
	Stage   string            `json:"stage"`
	Step    int               `json:"step"` // optimizer steps done
	Steps   int               `json:"steps"`
	Cursor  data.Cursor       `json:"cursor"` // the next example
	Fields  map[string]string `json:"fields"` // what of the recipe decides the losses, by its path there
	Best    *bestStep         `json:"best,omitempty"`
	State   string            `json:"state_sha256"`
}

const checkpointVersion = 1

// A checkpoints is the folder of one train stage's checkpoints. It keeps the
// last two, so that a damaged one costs steps and not the run.
type checkpoints struct {
	dir string
	// crash, in tests, is called between the parts of save.
	crash func(at string)
}

func stepFolder(step int) string { return fmt.Sprintf("step-%06d", step) }

// save writes a checkpoint beside those there, reads it back, and only then
// gives it its name and drops all but the one before it.
func (c checkpoints) save(table checkpoint, state []safetensors.Data) error {
	err := c.write(table, state)
	if err == nil {
		return c.prune()
	}
	kept := "there is no earlier one"
	if names, _ := c.names(); len(names) > 0 {
		kept = filepath.Join(c.dir, names[0]) + " is intact"
	}
	return fmt.Errorf("writing the checkpoint of step %d: %w; %s", table.Step, err, kept)
}

func (c checkpoints) write(table checkpoint, state []safetensors.Data) (err error) {
	fresh := filepath.Join(c.dir, ".new")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(fresh)
		}
	}()
	path := filepath.Join(fresh, stateFile)
	if table.State, err = safetensors.Write(path, state, nil); err != nil {
		return err
	}
	c.at("state written")
	text, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(fresh, tableFile), seal(text)); err != nil {
		return err
	}
	if err := safetensors.Verify(path, table.State); err != nil {
		return err
	}
	c.at("verified")
	final := filepath.Join(c.dir, stepFolder(table.Step))
	if err := os.RemoveAll(final); err != nil { // of a run that stopped here once before
		return err
	}
	if err := os.Rename(fresh, final); err != nil {
		return err
	}
	c.at("renamed")
	return disk.SyncFolder(c.dir)
}

func (c checkpoints) at(moment string) {
	if c.crash != nil {
		c.crash(moment)
	}
}

// prune drops all but the two newest checkpoints.
func (c checkpoints) prune() error {
	names, err := c.names()
	if err != nil {
		return err
	}
	for _, name := range names[min(2, len(names)):] {
		if err := os.RemoveAll(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// names lists the checkpoints there, newest first.
func (c checkpoints) names() ([]string, error) {
	entries, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "step-") {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(b, a)) })
	return names, nil
}

// newest returns the newest checkpoint that is whole, and its folder. A damaged
// one is passed over and noted; when all are damaged the first's error is
// returned. Without any it returns "".
func (c checkpoints) newest(note func(string)) (checkpoint, string, error) {
	names, err := c.names()
	if err != nil {
		return checkpoint{}, "", err
	}
	var first error
	for _, name := range names {
		folder := filepath.Join(c.dir, name)
		table, err := readCheckpoint(folder)
		if err == nil {
			if first != nil {
				note(fmt.Sprintf("%v; going on from step %d instead", first, table.Step))
			}
			return table, folder, nil
		}
		first = cmp.Or(first, err)
	}
	if first != nil {
		return checkpoint{}, "", fmt.Errorf("no checkpoint is left to go on from: %w; --force starts over", first)
	}
	return checkpoint{}, "", nil
}

// readCheckpoint reads and verifies one checkpoint.
func readCheckpoint(folder string) (checkpoint, error) {
	path := filepath.Join(folder, tableFile)
	sealed, err := os.ReadFile(path)
	if err != nil {
		return checkpoint{}, fmt.Errorf("checkpoint is not whole: %w", err)
	}
	text, err := unseal(sealed)
	var table checkpoint
	if err == nil {
		err = json.Unmarshal(text, &table)
	}
	if err != nil {
		return checkpoint{}, fmt.Errorf("checkpoint is damaged: %s: %w", path, err)
	}
	if table.Version != checkpointVersion {
		return checkpoint{}, fmt.Errorf("%s: version %d of the format; this trainer reads version %d", path, table.Version, checkpointVersion)
	}
	if err := safetensors.Verify(filepath.Join(folder, stateFile), table.State); err != nil {
		return checkpoint{}, fmt.Errorf("checkpoint is damaged: %w", err)
	}
	return table, nil
}

// seal appends a line with the digest of what stands before it.
func seal(text []byte) []byte {
	return fmt.Appendf(text, "\nsha256 %s\n", hash(string(text)))
}

func unseal(sealed []byte) ([]byte, error) {
	text, digest, found := strings.Cut(string(sealed), "\nsha256 ")
	if !found || strings.TrimSpace(digest) != hash(text) {
		return nil, errors.New("it has changed since it was written")
	}
	return []byte(text), nil
}

// matches compares the recipe that a checkpoint was made with to the one at
// hand. The error names each field that differs.
func (t checkpoint) matches(fields map[string]string, folder string) error {
	var parts []string
	both := maps.Clone(t.Fields)
	maps.Copy(both, fields)
	for _, path := range slices.Sorted(maps.Keys(both)) {
		if then, now := t.Fields[path], fields[path]; then != now {
			parts = append(parts, fmt.Sprintf("%s was %s and is %s now", path, orNothing(then), orNothing(now)))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("%s is of another training: %s", folder, strings.Join(parts, "; "))
}

func orNothing(s string) string {
	return cmp.Or(s, "not set")
}

// Fields that change how fast a stage runs, or what it keeps, and no loss.
var neutral = []string{"train.micro", "train.buckets", "train.save", "model.tune.checkpoint"}

// lossFields lists every value of a train stage's recipe that its losses depend
// on, by the path that a recipe gives it.
func lossFields(s program.Stage) map[string]string {
	fields := map[string]string{}
	collect(fields, "model", reflect.ValueOf(s.Model))
	collect(fields, "data", reflect.ValueOf(s.Data))
	collect(fields, "train", reflect.ValueOf(s.Train))
	for _, path := range neutral {
		if path != "train.save" || s.Train.Validate.Kind != "holdout" { // which steps are measured, and may be kept
			delete(fields, path)
		}
	}
	return fields
}

// collect adds the tagged fields of a spec struct, and of those inside it.
func collect(into map[string]string, path string, v reflect.Value) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("rmr"), ",")
		name = strings.TrimPrefix(name, ":")
		field := v.Field(i)
		switch {
		case field.Kind() == reflect.Struct && name != "":
			collect(into, path+"."+name, field)
		case name == "" && v.Type().Field(i).Name == "Kind":
			into[path] = fmt.Sprint(field.Interface())
		case name != "":
			into[path+"."+name] = fmt.Sprint(field.Interface())
		}
	}
}
