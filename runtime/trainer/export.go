package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/text"
)

// An exportCommand writes the trained model for others to load.
type exportCommand struct {
	Dir     string `arg:"" optional:"" help:"Folder to write; export in the run directory otherwise." placeholder:"DIR"`
	Model   string `help:"Which model, when the recipe trains several." placeholder:"NAME"`
	Adapter bool   `help:"Write the LoRA adapter in PEFT's layout instead of merging it."`
	Force   bool   `help:"Overwrite the folder."`
}

// Run writes into a folder beside the target and renames it, so that a folder
// with the target's name is always whole.
func (c *exportCommand) Run(in *invocation) error {
	r, rec, err := in.trained()
	if err != nil {
		return err
	}
	s, err := r.Program.trains(c.Model)
	if err != nil {
		return err
	}
	if c.Adapter && s.Model.Tune.Kind != "lora" {
		return fmt.Errorf("--adapter: model %s has no adapter; its recipe says tune = %s", s.Model.Name, s.Model.Tune.Kind)
	}
	target := filepath.Clean(c.Dir)
	if c.Dir == "" {
		target = filepath.Join(in.dir, "export")
	}
	if err := c.mayWrite(target); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(target), ".export-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	e := exporting{in: in, run: r, stage: s, record: rec, folder: tmp, adapter: c.Adapter}
	if err := e.write(); err != nil {
		return fmt.Errorf("exporting %s: %w", s.Model.Name, err)
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(tmp, target); err != nil {
		return err
	}
	fmt.Fprintln(in.stdout, target)
	return nil
}

// mayWrite refuses to replace what is there unasked, and, even when asked, what
// is no export.
func (c *exportCommand) mayWrite(target string) error {
	entries, err := os.ReadDir(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; name a folder to write", err)
	}
	ours := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == exportedContract })
	switch {
	case len(entries) > 0 && !ours:
		return fmt.Errorf("%s is there already and holds other things than an export; name another folder", target)
	case !c.Force:
		return fmt.Errorf("%s is there already; --force overwrites it", target)
	}
	return nil
}

// exportedContract is the file that every export has.
const exportedContract = "scoring_contract.json"

// An exporting is an export under way.
type exporting struct {
	in      *invocation
	run     *Run
	stage   Stage
	record  *Record
	folder  string
	adapter bool
}

// write fills the folder: weights, config, tokenizer with template, contract,
// and a card that says what it is.
func (e exporting) write() error {
	m := e.stage.Model
	local, err := e.run.fetch(e.in.ctx, "model", m.Base)
	if err != nil {
		return err
	}
	config, err := arch.Load(local.Path)
	if err != nil {
		return err
	}
	trained, err := e.run.trainedWeights(m)
	if err != nil {
		return err
	}
	if e.adapter {
		if err := lora(m).WriteAdapter(e.folder, m.Base, m.Head.Layer, trained); err != nil {
			return err
		}
	} else if err := e.merged(local.Path, config, trained); err != nil {
		return err
	}
	if err := e.tokenizer(&config); err != nil {
		return err
	}
	if !e.adapter {
		if m.Head.Layer >= 0 {
			config = config.Shallow(m.Head.Layer)
		}
		if err := e.json("config.json", config.HF(m.Head.Outputs, m.DType)); err != nil {
			return err
		}
	}
	contract, err := e.run.contract(e.in.ctx, m, e.stage.Data)
	if err != nil {
		return err
	}
	if err := e.json(exportedContract, contract); err != nil {
		return err
	}
	return disk.Write(filepath.Join(e.folder, "README.md"), e.card())
}

// merged writes the whole model: the base, what was trained in its place, and
// adapters added in.
func (e exporting) merged(base string, config arch.Config, trained model.Weights) error {
	m := e.stage.Model
	weights, err := model.Load(base, config, model.Options{DType: backboneType(m), Layers: m.Head.Layer})
	if err != nil {
		return err
	}
	if m.Tune.Kind == "lora" {
		if err := lora(m).Merge(config, weights, trained); err != nil {
			return err
		}
	}
	for name, w := range trained {
		if !isAdapter(name) {
			weights[name] = w
		}
	}
	_, err = model.WriteModel(e.folder, weights.Sorted())
	return err
}

// tokenizer writes the tokenizer and its template, and settles the pad token:
// transformers finds the scored token of a padded batch by it, so it must be
// one that a conversation cannot end with.
func (e exporting) tokenizer(config *arch.Config) error {
	t, err := e.run.tokenizer(e.in.ctx, e.stage.Model)
	if errors.Is(err, text.ErrNone) && e.stage.Data.Format == "ids" {
		return nil // token ids need none; the base's own pad id stays
	}
	if err != nil {
		return err
	}
	if err := t.WriteHF(e.folder); err != nil {
		return err
	}
	id, ok := t.SafePad()
	if !ok {
		fmt.Fprintln(e.in.stderr, "the tokenizer has no token to pad with: transformers will score this model one row at a time only")
		config.PadToken = nil
		return nil
	}
	pad := int(id)
	config.PadToken = &pad
	return e.setPad(t.Token(id))
}

// setPad names the pad token in tokenizer_config.json.
func (e exporting) setPad(name string) error {
	path := filepath.Join(e.folder, "tokenizer_config.json")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	settings := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	if err := decoder.Decode(&settings); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	settings["pad_token"], settings["padding_side"] = name, "right"
	return e.json("tokenizer_config.json", settings)
}

func (e exporting) json(name string, content any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return disk.Write(filepath.Join(e.folder, name), b.Bytes())
}

// card is the export's README: what was trained on what, and what it measured.
func (e exporting) card() []byte {
	var b bytes.Buffer
	m, p := e.stage.Model, e.run.Program
	fmt.Fprintf(&b, "---\nbase_model: %q\npipeline_tag: text-classification\ntags: [reward-model]\n---\n\n# %s\n\n", m.Base, p.Name)
	fmt.Fprintf(&b, "A reward model: one forward gives one score a text, higher is better. Trained with rmc from the recipe below; %s on %s.\n\n", e.stage.Name(), e.stage.Data.Source)
	for _, res := range e.record.Results {
		fmt.Fprintf(&b, "- %s\n", headline(res))
	}
	fmt.Fprintf(&b, "\nRender with the chat template in this folder, tokenise without adding special tokens, score with no activation. "+
		"scoring_contract.json has what, with the weights, decides a score.\n\n```\n%s```\n", strings.TrimRight(p.Recipe, "\n")+"\n")
	return b.Bytes()
}
