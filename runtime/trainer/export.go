package trainer

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/export"
	"github.com/rmc-lang/rmc/runtime/model"
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

// Run writes the folder.
func (c *exportCommand) Run(in *invocation) error {
	r, rec, err := in.trained()
	if err != nil {
		return err
	}
	e, err := c.subject(in, r, rec)
	if err != nil {
		return err
	}
	if c.Adapter && e.Model.Tune.Kind != "lora" {
		return fmt.Errorf("--adapter: %s has no adapter; only a model with tune = lora has", e.Name)
	}
	target := filepath.Clean(c.Dir)
	if c.Dir == "" {
		target = filepath.Join(in.dir, "export")
	}
	if err := export.MayWrite(target, c.Force); err != nil {
		return err
	}
	if err := e.read(); err != nil {
		return fmt.Errorf("exporting %s: %w", e.Name, err)
	}
	if err := e.Write(target); err != nil {
		return err
	}
	fmt.Fprintln(in.stdout, target)
	return nil
}

// An exporting is an export that is put together.
type exporting struct {
	export.Export
	in  *invocation
	run *Run
}

// subject is what is exported: a reward or a model, the head of one, or the
// decoder that a reward reads.
func (c *exportCommand) subject(in *invocation, r *Run, rec *rundir.Record) (*exporting, error) {
	reward, m, err := r.Program.Scored(c.Model)
	if err != nil {
		return nil, err
	}
	e := &exporting{in: in, run: r}
	e.Program, e.Record, e.Adapter = r.Program, rec, c.Adapter
	e.Note = func(text string) { fmt.Fprintln(in.stderr, text) }
	if reward.Name != "" {
		return e, e.ofReward(reward)
	}
	s, err := r.Program.Trains(m.Name)
	if err != nil {
		return nil, err
	}
	e.Name, e.About, e.Data = m.Name, fmt.Sprintf("%s on %s", s.Name(), r.Program.SourcesOf(s.Data)), s.Data
	if e.Trained, err = r.TrainedWeights(m); err != nil {
		return nil, err
	}
	if e.Contract, err = r.ContractOf(in.ctx, m, s.Data); err != nil {
		return nil, err
	}
	if e.Model = m; m.Kind == "mlp" {
		return e, e.asHead()
	}
	return e, nil
}

// asHead makes the head of a sequence classifier of a network over an encoder
// that is one matrix.
func (e *exporting) asHead() error {
	m := e.Model
	if m.Input == "" || len(m.Hidden) > 0 || m.Bias {
		return fmt.Errorf("model %s is a network that no sequence classifier of transformers has: what it has is one matrix, without hidden layers and bias; export a reward that reads it instead", m.Name)
	}
	encoder, err := e.Program.FindEncoder(m.Input)
	if err != nil {
		return err
	}
	e.Trained = model.Weights{arch.ScoreWeight: e.Trained["layers.0.weight"]}
	e.Model = spec.Model{Name: m.Name, Kind: "reward", Base: encoder.Base, DType: encoder.DType, Template: encoder.Template, Tokenizer: encoder.Tokenizer,
		Head: spec.Head{Kind: "linear", Outputs: m.Outputs, Layer: encoder.Layer}, Tune: spec.Tune{Kind: "head"}}
	return nil
}

// read finds the base's weights and its tokenizer.
func (e *exporting) read() error {
	local, err := e.run.Fetch(e.in.ctx, "model", e.Model.Base)
	if err != nil {
		return err
	}
	e.Base = local.Path
	e.Tokenizer, err = e.run.Tokenizer(e.in.ctx, e.Model)
	if errors.Is(err, text.ErrNone) && e.Data.Format == "ids" {
		e.Tokenizer = nil
		return nil
	}
	return err
}
