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
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// An exportCommand writes the trained model for others to load.
type exportCommand struct {
	Dir     string `arg:"" optional:"" help:"Folder to write; export in the run directory otherwise." placeholder:"DIR"`
	Model   string `help:"Which reward or model; without it the recipe's only reward, or its only model." placeholder:"NAME"`
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
	e, err := c.subject(in, r, rec)
	if err != nil {
		return err
	}
	if c.Adapter && e.model.Tune.Kind != "lora" {
		return fmt.Errorf("--adapter: %s has no adapter; only a model with tune = lora has", e.name)
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
	e.folder = tmp
	if err := e.write(); err != nil {
		return fmt.Errorf("exporting %s: %w", e.name, err)
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

// An exporting is an export under way: a folder of a decoder with a head, or of
// a decoder alone with what a reward computes from its hidden states.
type exporting struct {
	in       *invocation
	run      *Run
	name     string     // of the reward or model
	about    string     // what was trained on what, for the card
	model    spec.Model // whose weights are written; a head with 0 outputs is none
	data     spec.Data
	trained  model.Weights // in place of the base's, or added to them
	contract *rundir.Contract
	parts    *rewardParts // of a reward that is more than a head
	record   *rundir.Record
	folder   string
	adapter  bool
}

// subject is what is exported: a reward or a model, the head of one, or the
// decoder that a reward reads.
func (c *exportCommand) subject(in *invocation, r *Run, rec *rundir.Record) (*exporting, error) {
	reward, m, err := r.Program.Scored(c.Model)
	if err != nil {
		return nil, err
	}
	e := &exporting{in: in, run: r, record: rec, adapter: c.Adapter}
	if reward.Name != "" {
		return e, e.ofReward(reward)
	}
	s, err := r.Program.Trains(m.Name)
	if err != nil {
		return nil, err
	}
	e.name, e.about, e.data = m.Name, fmt.Sprintf("%s on %s", s.Name(), r.Program.SourcesOf(s.Data)), s.Data
	if e.trained, err = r.trainedWeights(m); err != nil {
		return nil, err
	}
	if e.contract, err = r.contract(in.ctx, m, s.Data); err != nil {
		return nil, err
	}
	if e.model = m; m.Kind == "mlp" {
		return e, e.asHead()
	}
	return e, nil
}

// asHead makes the head of a sequence classifier of a network over an encoder
// that is one matrix.
func (e *exporting) asHead() error {
	m := e.model
	if m.Input == "" || len(m.Hidden) > 0 || m.Bias {
		return fmt.Errorf("model %s is a network that no sequence classifier of transformers has: what it has is one matrix, without hidden layers and bias; export a reward that reads it instead", m.Name)
	}
	encoder, err := e.run.Program.FindEncoder(m.Input)
	if err != nil {
		return err
	}
	e.trained = model.Weights{arch.ScoreWeight: e.trained["layers.0.weight"]}
	e.model = spec.Model{Name: m.Name, Kind: "reward", Base: encoder.Base, DType: encoder.DType, Template: encoder.Template, Tokenizer: encoder.Tokenizer,
		Head: spec.Head{Kind: "linear", Outputs: m.Outputs, Layer: encoder.Layer}, Tune: spec.Tune{Kind: "head"}}
	return nil
}

// write fills the folder: weights, config, tokenizer with template, contract,
// and a card that says what it is.
func (e *exporting) write() error {
	local, err := e.run.fetch(e.in.ctx, "model", e.model.Base)
	if err != nil {
		return err
	}
	config, err := arch.Load(local.Path)
	if err != nil {
		return err
	}
	if e.adapter {
		if err := network.LoRA(e.model).WriteAdapter(e.folder, e.model.Base, e.model.Depth(), e.trained); err != nil {
			return err
		}
	} else if err := e.merged(local.Path, config); err != nil {
		return err
	}
	if err := e.tokenizer(&config); err != nil {
		return err
	}
	if !e.adapter {
		if err := e.config(config); err != nil {
			return err
		}
	}
	if err := e.json(exportedContract, e.contract); err != nil {
		return err
	}
	if e.parts != nil {
		if err := e.parts.write(e); err != nil {
			return err
		}
	}
	return disk.Write(filepath.Join(e.folder, "README.md"), e.card())
}

// config writes config.json: of a sequence classifier, or of the decoder alone.
func (e *exporting) config(config arch.Config) error {
	if e.model.Depth() >= 0 {
		config = config.Shallow(e.model.Depth())
	}
	fields := config.HF(max(1, e.model.Head.Outputs), e.model.DType)
	if e.model.Head.Outputs == 0 {
		kind := "Model"
		if e.model.Kind == "policy" {
			kind = "ForCausalLM"
		}
		for _, name := range []string{"num_labels", "id2label", "label2id", "problem_type"} {
			delete(fields, name)
		}
		class := fields["architectures"].([]string)[0]
		fields["architectures"] = []string{strings.Replace(class, "ForSequenceClassification", kind, 1)}
	}
	return e.json("config.json", fields)
}

// merged writes the whole model: the base, what was trained in its place, and
// adapters added in.
func (e *exporting) merged(base string, config arch.Config) error {
	m := e.model
	weights, err := model.Load(base, config, model.Options{DType: network.BackboneType(m), Layers: m.Depth(), LMHead: m.Kind == "policy"})
	if err != nil {
		return err
	}
	if m.Tune.Kind == "lora" {
		if err := network.LoRA(m).Merge(config, weights, e.trained); err != nil {
			return err
		}
	}
	for name, w := range e.trained {
		if !network.IsAdapter(name) {
			weights[name] = w
		}
	}
	_, err = model.WriteModel(e.folder, weights.Sorted())
	return err
}

// tokenizer writes the tokenizer and its template, and settles the pad token:
// transformers finds the scored token of a padded batch by it, so it must be
// one that a conversation cannot end with.
func (e *exporting) tokenizer(config *arch.Config) error {
	t, err := e.run.tokenizer(e.in.ctx, e.model)
	if errors.Is(err, text.ErrNone) && e.data.Format == "ids" {
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
func (e *exporting) setPad(name string) error {
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

func (e *exporting) json(name string, content any) error {
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
func (e *exporting) card() []byte {
	var b bytes.Buffer
	tag := "text-classification"
	switch {
	case e.parts != nil:
		tag = "feature-extraction"
	case e.model.Kind == "policy":
		tag = "text-generation"
	}
	fmt.Fprintf(&b, "---\nbase_model: %q\npipeline_tag: %s\ntags: [reward-model]\n---\n\n# %s\n\n", e.model.Base, tag, e.run.Program.Name)
	switch {
	case e.parts != nil:
		b.WriteString(e.parts.card())
	case e.model.Kind == "policy":
		b.WriteString(e.policyCard())
	default:
		fmt.Fprintf(&b, "A reward model: one forward gives one score a text, higher is better. Trained with rmc from the recipe below; %s.\n\n", e.about)
	}
	for _, res := range e.record.Results {
		fmt.Fprintf(&b, "- %s\n", results.Headline(res))
	}
	for _, c := range e.record.Comparisons {
		fmt.Fprintf(&b, "- %s\n", c)
	}
	if e.parts == nil && e.model.Kind != "policy" {
		fmt.Fprintf(&b, "\nRender with the chat template in this folder, tokenise without adding special tokens, score with no activation. "+
			"scoring_contract.json has what, with the weights, decides a score.\n")
	}
	fmt.Fprintf(&b, "\n```\n%s```\n", strings.TrimRight(e.run.Program.Recipe, "\n")+"\n")
	return b.Bytes()
}
