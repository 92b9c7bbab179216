// Package export writes what was trained for others to load: a folder that
// transformers or PEFT reads, with a card that says what it is and how it is used.
package export

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
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// An Export is what a folder is written from: a decoder with a head, or a decoder
// alone with what a reward computes from its hidden states.
type Export struct {
	Program   program.Program
	Record    *rundir.Record  // of the run, for what was measured
	Name      string          // of the reward or model
	About     string          // what was trained on what, for the card
	Model     spec.Model      // whose weights are written; a head with 0 outputs is none
	Data      spec.Data       // whose rows it reads
	Base      string          // where the weights that Model.Base names are on the disk
	Tokenizer *text.Tokenizer // nil where rows are token ids and there is none
	Trained   model.Weights   // in place of the base's, or added to them
	Contract  *rundir.Contract
	Reward    *Reward      // that is more than a head; or nil
	Adapter   bool         // write the LoRA adapter in PEFT's layout instead of merging it
	Note      func(string) // is told, in one line, of what a user should know
}

// Write writes into a folder beside the target and renames it, so that a folder
// with the target's name is always whole. What was at target is gone.
func (e *Export) Write(target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(target), ".export-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := e.fill(tmp); err != nil {
		return fmt.Errorf("exporting %s: %w", e.Name, err)
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, target)
}

// MayWrite refuses to replace what is there unasked, and, even when asked, what
// is no export.
func MayWrite(target string, force bool) error {
	entries, err := os.ReadDir(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; name a folder to write", err)
	}
	ours := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == contractFile })
	switch {
	case len(entries) > 0 && !ours:
		return fmt.Errorf("%s is there already and holds other things than an export; name another folder", target)
	case !force:
		return fmt.Errorf("%s is there already; --force overwrites it", target)
	}
	return nil
}

// contractFile is the file that every export has.
const contractFile = "scoring_contract.json"

// fill writes weights, config, tokenizer with template, contract, and a card that
// says what it is.
func (e *Export) fill(folder string) error {
	config, err := arch.Load(e.Base)
	if err != nil {
		return err
	}
	if e.Adapter {
		if err := network.LoRA(e.Model).WriteAdapter(folder, e.Model.Base, e.Model.Depth(), e.Trained); err != nil {
			return err
		}
	} else if err := e.merged(folder, config); err != nil {
		return err
	}
	if err := e.tokenizer(folder, &config); err != nil {
		return err
	}
	if !e.Adapter {
		if err := e.config(folder, config); err != nil {
			return err
		}
	}
	if err := writeJSON(folder, contractFile, e.Contract); err != nil {
		return err
	}
	if e.Reward != nil {
		if err := e.Reward.write(folder, e); err != nil {
			return err
		}
	}
	return disk.Write(filepath.Join(folder, "README.md"), e.card())
}

// config writes config.json: of a sequence classifier, or of the decoder alone.
func (e *Export) config(folder string, config arch.Config) error {
	if e.Model.Depth() >= 0 {
		config = config.Shallow(e.Model.Depth())
	}
	fields := config.HF(max(1, e.Model.Head.Outputs), e.Model.DType)
	if e.Model.Head.Outputs == 0 {
		kind := "Model"
		if e.Model.Kind == "policy" {
			kind = "ForCausalLM"
		}
		for _, name := range []string{"num_labels", "id2label", "label2id", "problem_type"} {
			delete(fields, name)
		}
		class := fields["architectures"].([]string)[0]
		fields["architectures"] = []string{strings.Replace(class, "ForSequenceClassification", kind, 1)}
	}
	return writeJSON(folder, "config.json", fields)
}

// merged writes the whole model: the base, what was trained in its place, and
// adapters added in.
func (e *Export) merged(folder string, config arch.Config) error {
	m := e.Model
	weights, err := model.Load(e.Base, config, model.Options{DType: network.BackboneType(m), Layers: m.Depth(), LMHead: m.Kind == "policy"})
	if err != nil {
		return err
	}
	if m.Tune.Kind == "lora" {
		if err := network.LoRA(m).Merge(config, weights, e.Trained); err != nil {
			return err
		}
	}
	for name, w := range e.Trained {
		if !network.IsAdapter(name) && !model.IsScalar(name) {
			weights[name] = w
		}
	}
	_, err = model.WriteModel(folder, weights.Sorted())
	return err
}

// tokenizer writes the tokenizer and its template, and settles the pad token:
// transformers finds the scored token of a padded batch by it, so it must be
// one that a conversation cannot end with.
func (e *Export) tokenizer(folder string, config *arch.Config) error {
	t := e.Tokenizer
	if t == nil {
		return nil // token ids need none; the base's own pad id stays
	}
	if err := t.WriteHF(folder); err != nil {
		return err
	}
	id, ok := t.SafePad()
	if !ok {
		e.Note("the tokenizer has no token to pad with: transformers will score this model one row at a time only")
		config.PadToken = nil
		return nil
	}
	pad := int(id)
	config.PadToken = &pad
	return setPad(folder, t.Token(id))
}

// setPad names the pad token in tokenizer_config.json.
func setPad(folder, name string) error {
	path := filepath.Join(folder, "tokenizer_config.json")
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
	return writeJSON(folder, "tokenizer_config.json", settings)
}

func writeJSON(folder, name string, content any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return disk.Write(filepath.Join(folder, name), b.Bytes())
}

// card is the export's README: what was trained on what, and what it measured.
func (e *Export) card() []byte {
	var b bytes.Buffer
	tag := "text-classification"
	switch {
	case e.Reward != nil:
		tag = "feature-extraction"
	case e.Model.Kind == "policy":
		tag = "text-generation"
	}
	fmt.Fprintf(&b, "---\nbase_model: %q\npipeline_tag: %s\ntags: [reward-model]\n---\n\n# %s\n\n", e.Model.Base, tag, e.Program.Name)
	switch {
	case e.Reward != nil:
		b.WriteString(e.Reward.card(e.Program))
	case e.Model.Kind == "policy":
		b.WriteString(e.policyCard())
	default:
		fmt.Fprintf(&b, "A reward model: one forward gives one score a text, higher is better. Trained with rmc from the recipe below; %s.\n\n", e.About)
	}
	for _, res := range e.Record.Results {
		fmt.Fprintf(&b, "- %s\n", results.Headline(res))
	}
	for _, c := range e.Record.Comparisons {
		fmt.Fprintf(&b, "- %s\n", c)
	}
	if e.Reward == nil && e.Model.Kind != "policy" {
		fmt.Fprintf(&b, "\nRender with the chat template in this folder, tokenise without adding special tokens, score with no activation. "+
			"scoring_contract.json has what, with the weights, decides a score.\n")
	}
	fmt.Fprintf(&b, "\n```\n%s```\n", strings.TrimRight(e.Program.Recipe, "\n")+"\n")
	return b.Bytes()
}
