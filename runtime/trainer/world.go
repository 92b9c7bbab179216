package trainer

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fitted"
	"github.com/rmc-lang/rmc/runtime/lock"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rewards"
	"github.com/rmc-lang/rmc/runtime/source"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/states"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A world is what a run has opened, each thing when it is first asked for.
type world struct {
	layout     *mesh.Layout
	sources    map[string]source.Local     // by kind and source, as the recipe writes it
	sets       map[string]*data.Set        // by model and data
	told       map[string]bool             // what was left out, by data and tokenizer
	networks   map[string]*network.Network // by model
	backbones  map[string]*network.Network // frozen, by digest of the base, layers and type
	tokenizers map[string]*text.Tokenizer  // by model
	embeddings map[string]*states.Reader   // by model and data
	fits       map[string]*fitted.Fit      // by name
	functions  *rewards.Functions          // of scores
	formulas   map[string]*rewards.Formula // by reward
	left       map[string]string           // by model: where the last training of it in this run keeps it
	readFits   map[string][]string         // by model: the fits that the training of it reads
}

// devices arranges the devices as the program's mesh says.
func (r *Run) devices() (*mesh.Layout, error) {
	if r.world.layout == nil {
		l, err := mesh.New(r.Backend, r.Program.Mesh)
		if err != nil {
			return nil, err
		}
		r.world.layout = l
	}
	return r.world.layout, nil
}

// fetch returns where a source is on this machine. It must be what the lock
// says it was, as a source of that kind: data, model, tokens or template.
func (r *Run) fetch(ctx context.Context, kind, written string) (source.Local, error) {
	key := kind + " " + written
	if local, ok := r.world.sources[key]; ok {
		return local, nil
	}
	ref, err := source.Parse(written)
	if err != nil {
		return source.Local{}, err
	}
	locked, err := lock.Read(r.Program.Lock)
	if err != nil {
		return source.Local{}, err
	}
	store := source.Store{Base: r.Root, Log: r.note}
	local, err := store.Fetch(ctx, ref.Pinned(locked, kind))
	if err != nil {
		return source.Local{}, err
	}
	if err := checkLock(locked, kind, ref, local); err != nil {
		return source.Local{}, err
	}
	if r.world.sources == nil {
		r.world.sources = map[string]source.Local{}
	}
	r.world.sources[key] = local
	return local, nil
}

// checkLock holds what was found against the lock. A program without a lock
// (nothing but tests) takes what there is.
func checkLock(locked *lock.File, kind string, ref source.Ref, local source.Local) error {
	if len(locked.Entries) == 0 {
		return nil
	}
	then := &lock.File{Entries: locked.Of(kind, ref.At(local.Revision).String())}
	now := &lock.File{Entries: local.Entries(kind, ref)}
	for _, d := range lock.Compare(then, now) {
		return fmt.Errorf("%s is not what rmc.lock pins: %v; restore it, or run rmc lock and build again", local.Path, d)
	}
	return nil
}

// set reads, tokenises and splits a data set as a model sees it; a network sees
// what its encoder does. Pairs that were judged have the sides that the judge
// gave them.
func (r *Run) set(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	m, err := r.Program.Reads(m)
	if err != nil {
		return nil, err
	}
	key := m.Name + " " + d.Name
	if set, ok := r.world.sets[key]; ok {
		return set, nil
	}
	set, err := r.load(ctx, m, d)
	if err != nil {
		return nil, err
	}
	if r.world.sets == nil {
		r.world.sets = map[string]*data.Set{}
	}
	if r.Stats == nil {
		r.Stats = map[string]data.Stats{}
	}
	r.world.sets[key], r.Stats[d.Name] = set, set.Stats
	return set, r.noteFilters(ctx, m, d, set)
}

// noteFilters says what augment made of a data set and what was left out, once for all
// models of one tokenizer and template. A union leaves nothing out; its parts have said theirs.
func (r *Run) noteFilters(ctx context.Context, m spec.Model, d spec.Data, set *data.Set) error {
	if d.From.Kind == "union" {
		return nil
	}
	key := d.Name
	if d.Format != "ids" && len(set.Stats.Filters) > 0 {
		t, err := r.tokenizer(ctx, m)
		if err != nil {
			return err
		}
		key += " " + t.Fingerprint() + " " + t.Template()
	}
	if r.world.told[key] {
		return nil
	}
	if r.world.told == nil {
		r.world.told = map[string]bool{}
	}
	r.world.told[key] = true
	for _, of := range set.Stats.Made {
		r.note(fmt.Sprintf("data %s: %d of %s", d.Name, of.Pairs, of.Kind))
	}
	for _, f := range set.Stats.Filters {
		r.note(fmt.Sprintf("data %s: %d of %d rows left out: %s", d.Name, f.Before-f.After, set.Stats.Read, f.Reason))
	}
	return nil
}

// load reads a set from its source, or makes it of others, or of the one whose
// pairs a label stage had judged.
func (r *Run) load(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	switch {
	case !program.IsRows(d):
		return r.derived(ctx, m, d)
	case d.Label != "" && d.Kind == "labels":
		return r.rolledOut(ctx, m, d)
	case d.Label != "":
		return r.relabelled(ctx, m, d)
	}
	local, err := r.fetch(ctx, "data", d.Source)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	encode, err := r.encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	set, err := data.Load(d, local.Path, encode)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	return r.without(ctx, m, d, set)
}

// readAll opens what all stages read: the data, but for what a judge has still
// to say, and the models.
func (r *Run) readAll(ctx context.Context) error {
	for _, s := range r.Program.Stages {
		if err := r.readFor(ctx, s); err != nil {
			return r.Program.Failed(s, err)
		}
	}
	return nil
}

func (r *Run) readFor(ctx context.Context, s program.Stage) error {
	m, err := r.Program.ReadBy(s)
	base, rolled := r.Program.GoneOnFrom(s.Data)
	if !rolled {
		base = r.Program.Unjudged(s.Data)
	}
	switch {
	case err != nil:
	case r.Program.Waits(base):
		err = r.fetchParts(ctx, base)
	default:
		_, err = r.set(ctx, m, base)
	}
	if err == nil && s.Model.Name != "" {
		_, err = r.network(ctx, s.Model)
	}
	return err
}

// network puts a model on the devices as training finds it: the base with a
// fresh head and adapters, or a small network over an encoder.
func (r *Run) network(ctx context.Context, m spec.Model) (*network.Network, error) {
	if n, ok := r.world.networks[m.Name]; ok {
		return n, nil
	}
	l, err := r.devices()
	if err != nil {
		return nil, err
	}
	var n *network.Network
	if m.Kind == "mlp" {
		n, err = r.overEncoder(ctx, l, m)
	} else {
		n, err = r.overBase(ctx, l, m)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if r.world.networks == nil {
		r.world.networks = map[string]*network.Network{}
	}
	r.world.networks[m.Name] = n
	return n, nil
}

func (r *Run) overBase(ctx context.Context, l *mesh.Layout, m spec.Model) (*network.Network, error) {
	local, err := r.fetch(ctx, "model", m.Base)
	if err != nil {
		return nil, err
	}
	n, err := network.Open(l, m, local.Path, r.seed(m.Name))
	if err != nil {
		return nil, err
	}
	n.Digest = digestOf(local)
	return n, nil
}

func (r *Run) overEncoder(ctx context.Context, l *mesh.Layout, m spec.Model) (*network.Network, error) {
	encoder, err := r.Program.Reads(m)
	if err != nil {
		return nil, err
	}
	f, err := r.features(ctx, encoder)
	if err != nil {
		return nil, err
	}
	n, err := network.OpenMLP(l, m, f.Decoder.Config.Hidden, r.seed(m.Name))
	if err != nil {
		return nil, err
	}
	n.Digest = f.Digest
	return n, nil
}

// digestOf is one digest of all files of a source.
func digestOf(local source.Local) string {
	var all strings.Builder
	for _, f := range local.Files {
		fmt.Fprintf(&all, "%s %s\n", f.SHA256, f.Name)
	}
	return disk.Digest(all.String())
}

// seed is that of the stage that trains a model.
func (r *Run) seed(model string) int {
	for _, s := range r.Program.Stages {
		if s.Kind == "train" && s.Model.Name == model {
			return s.Train.Seed
		}
	}
	return 0
}

// folder is where the run keeps something of a model or a training: Dir/kind,
// or, where the program trains several times, a folder of that name in it.
func (r *Run) folder(kind, name string) string {
	trained := 0
	for _, s := range r.Program.Stages {
		if s.Kind == "train" {
			trained++
		}
	}
	if trained > 1 {
		return filepath.Join(r.Dir, kind, name)
	}
	return filepath.Join(r.Dir, kind)
}

func (r *Run) note(text string) {
	if r.OnNote != nil {
		r.OnNote(text)
	}
}
