// Package world opens what a run reads, each thing when it is first asked for:
// sources, data, models, fits and hidden states. Each is held against the lock, or
// against the digest that was written of it. It runs no stage.
package world

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fitted"
	"github.com/rmc-lang/rmc/runtime/lock"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/source"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/states"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A World is what a run has opened. The caller fills the exported fields.
type World struct {
	Program program.Program
	Dir     string // run directory, runs/<recipe>; exists and is writable
	Root    string // folder that file: sources of the recipe are relative to
	Backend *backend.Backend
	// OnNote is told, in one line, of what a user should know: a cache that was
	// used, a checkpoint that was resumed, a stage that began; may be nil.
	OnNote func(string)
	// Stats says what became of the rows of each data set that was opened, by its name.
	Stats map[string]data.Stats

	layout     *mesh.Layout
	sources    map[string]source.Local     // by kind and source, as the recipe writes it
	sets       map[string]*data.Set        // by model and data
	told       map[string]bool             // what was left out, by data and tokenizer
	networks   map[string]*network.Network // by model
	backbones  map[string]*network.Network // frozen, by digest of the base, layers and type
	tokenizers map[string]*text.Tokenizer  // by model
	states     map[string]*states.Reader   // by model and data
	fits       map[string]*fitted.Fit      // by name
	left       map[string]string           // by model: where the last training of it in this run keeps it
	readFits   map[string][]string         // by model: the fits that the training of it reads
}

// Devices arranges the devices as the program's mesh says.
func (w *World) Devices() (*mesh.Layout, error) {
	if w.layout == nil {
		l, err := mesh.New(w.Backend, w.Program.Mesh)
		if err != nil {
			return nil, err
		}
		w.layout = l
	}
	return w.layout, nil
}

// Fetched is where a source is, if it was fetched.
func (w *World) Fetched(kind, written string) (source.Local, bool) {
	local, ok := w.sources[kind+" "+written]
	return local, ok
}

// Fetch returns where a source is on this machine. It must be what the lock
// says it was, as a source of that kind: data, model, tokens or template.
func (w *World) Fetch(ctx context.Context, kind, written string) (source.Local, error) {
	key := kind + " " + written
	if local, ok := w.sources[key]; ok {
		return local, nil
	}
	ref, err := source.Parse(written)
	if err != nil {
		return source.Local{}, err
	}
	locked, err := lock.Read(w.Program.Lock)
	if err != nil {
		return source.Local{}, err
	}
	store := source.Store{Base: w.Root, Log: w.Note}
	local, err := store.Fetch(ctx, ref.Pinned(locked, kind))
	if err != nil {
		return source.Local{}, err
	}
	if err := checkLock(locked, kind, ref, local); err != nil {
		return source.Local{}, err
	}
	if w.sources == nil {
		w.sources = map[string]source.Local{}
	}
	w.sources[key] = local
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

// Set reads, tokenises and splits a data set as a model sees it; a network sees
// what its encoder does. Pairs that were judged have the sides that the judge
// gave them.
func (w *World) Set(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	m, err := w.Program.Reads(m)
	if err != nil {
		return nil, err
	}
	key := m.Name + " " + d.Name
	if set, ok := w.sets[key]; ok {
		return set, nil
	}
	set, err := w.load(ctx, m, d)
	if err != nil {
		return nil, err
	}
	if w.sets == nil {
		w.sets = map[string]*data.Set{}
	}
	if w.Stats == nil {
		w.Stats = map[string]data.Stats{}
	}
	w.sets[key], w.Stats[d.Name] = set, set.Stats
	return set, w.noteFilters(ctx, m, d, set)
}

// noteFilters says what augment made of a data set and what was left out, once for all
// models of one tokenizer and template. A union leaves nothing out; its parts have said theirs.
func (w *World) noteFilters(ctx context.Context, m spec.Model, d spec.Data, set *data.Set) error {
	if d.From.Kind == "union" {
		return nil
	}
	key := d.Name
	if d.Format != "ids" && len(set.Stats.Filters) > 0 {
		t, err := w.Tokenizer(ctx, m)
		if err != nil {
			return err
		}
		key += " " + t.Fingerprint() + " " + t.Template()
	}
	if w.told[key] {
		return nil
	}
	if w.told == nil {
		w.told = map[string]bool{}
	}
	w.told[key] = true
	for _, of := range set.Stats.Made {
		w.Note(fmt.Sprintf("data %s: %d of %s", d.Name, of.Pairs, of.Kind))
	}
	for _, f := range set.Stats.Filters {
		w.Note(fmt.Sprintf("data %s: %d of %d rows left out: %s", d.Name, f.Before-f.After, set.Stats.Read, f.Reason))
	}
	return nil
}

// load reads a set from its source, or makes it of others, or of the one whose
// pairs a label stage had judged.
func (w *World) load(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	switch {
	case !program.IsRows(d):
		return w.derived(ctx, m, d)
	case d.Label != "" && d.Kind == "labels":
		return w.rolledOut(ctx, m, d)
	case d.Label != "":
		return w.relabelled(ctx, m, d)
	}
	local, err := w.Fetch(ctx, "data", d.Source)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	encode, err := w.Encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	set, err := data.Load(d, local.Path, encode)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	return w.without(ctx, m, d, set)
}

// ReadAll opens what all stages read: the data, but for what a judge has still
// to say, and the models.
func (w *World) ReadAll(ctx context.Context) error {
	for _, s := range w.Program.Stages {
		if err := w.readFor(ctx, s); err != nil {
			return w.Program.Failed(s, err)
		}
	}
	return nil
}

func (w *World) readFor(ctx context.Context, s program.Stage) error {
	m, err := w.Program.ReadBy(s)
	base, rolled := w.Program.GoneOnFrom(s.Data)
	if !rolled {
		base = w.Program.Unjudged(s.Data)
	}
	switch {
	case err != nil:
	case w.Program.Waits(base):
		err = w.fetchParts(ctx, base)
	default:
		_, err = w.Set(ctx, m, base)
	}
	if err == nil && s.Model.Name != "" {
		_, err = w.Network(ctx, s.Model)
	}
	return err
}

// Network puts a model on the devices as training finds it: the base with a
// fresh head and adapters, or a small network over an encoder.
func (w *World) Network(ctx context.Context, m spec.Model) (*network.Network, error) {
	if n, ok := w.networks[m.Name]; ok {
		return n, nil
	}
	l, err := w.Devices()
	if err != nil {
		return nil, err
	}
	var n *network.Network
	if m.Kind == "mlp" {
		n, err = w.overEncoder(ctx, l, m)
	} else {
		n, err = w.overBase(ctx, l, m)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if w.networks == nil {
		w.networks = map[string]*network.Network{}
	}
	w.networks[m.Name] = n
	return n, nil
}

func (w *World) overBase(ctx context.Context, l *mesh.Layout, m spec.Model) (*network.Network, error) {
	local, err := w.Fetch(ctx, "model", m.Base)
	if err != nil {
		return nil, err
	}
	n, err := network.Open(l, m, local.Path, w.Seed(m.Name))
	if err != nil {
		return nil, err
	}
	n.Digest = digestOf(local)
	return n, nil
}

func (w *World) overEncoder(ctx context.Context, l *mesh.Layout, m spec.Model) (*network.Network, error) {
	encoder, err := w.Program.Reads(m)
	if err != nil {
		return nil, err
	}
	f, err := w.Features(ctx, encoder)
	if err != nil {
		return nil, err
	}
	n, err := network.OpenMLP(l, m, f.Decoder.Config.Hidden, w.Seed(m.Name))
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

// Seed is that of the stage that trains a model.
func (w *World) Seed(model string) int {
	for _, s := range w.Program.Stages {
		if s.Kind == "train" && s.Model.Name == model {
			return s.Train.Seed
		}
	}
	return 0
}

// Folder is where the run keeps something of a model or a training: Dir/kind,
// or, where the program trains several times, a folder of that name in it.
func (w *World) Folder(kind, name string) string {
	trained := 0
	for _, s := range w.Program.Stages {
		if s.Kind == "train" {
			trained++
		}
	}
	if trained > 1 {
		return filepath.Join(w.Dir, kind, name)
	}
	return filepath.Join(w.Dir, kind)
}

// Note tells the run's user something, in one line.
func (w *World) Note(text string) {
	if w.OnNote != nil {
		w.OnNote(text)
	}
}

// Reopen gives a model the weights that it is declared with.
func (w *World) Reopen(ctx context.Context, m spec.Model) (*network.Network, error) {
	if n := w.networks[m.Name]; n != nil {
		if err := w.close(n); err != nil {
			return nil, err
		}
	}
	return w.Network(ctx, m)
}

// close takes the parameters of a model off the devices.
func (w *World) close(n *network.Network) error {
	for _, p := range n.Parameters() {
		if err := p.Value.Free(); err != nil {
			return fmt.Errorf("model %s: %w", n.Model.Name, err)
		}
	}
	delete(w.networks, n.Model.Name)
	return nil
}

// Forget drops what was opened to compare with, so that stages begin as if
// nothing had been: models that were read have the weights of the run before.
func (w *World) Forget() error {
	for _, n := range w.networks {
		if !n.Restored {
			continue
		}
		if err := w.close(n); err != nil {
			return err
		}
	}
	w.fits, w.left, w.readFits = nil, nil, nil
	for key := range w.sets {
		_, name, _ := strings.Cut(key, " ")
		if d, err := w.Program.FindData(name); err != nil || len(w.Program.MadeOf(d)) > 0 { // labels may come to be others
			delete(w.sets, key)
		}
	}
	return nil
}
