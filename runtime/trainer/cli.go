package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// Exit codes of a trainer, as of rmc.
const (
	exitFine    = 0
	exitProblem = 1
	exitUsage   = 2
)

// A commandLine is what a user may type after the trainer's name.
type commandLine struct {
	Out     string   `help:"Run directory." placeholder:"DIR"`
	Set     []string `help:"Set a value of the recipe for this run, as in train.rm.optimizer.lr=1e-5; recorded in run.json. Repeatable." sep:"none" placeholder:"PATH=VALUE"`
	Root    string   `help:"Folder that file: sources of the recipe are relative to." default:"." placeholder:"DIR"`
	Backend string   `help:"What computes: auto, xla or go." enum:"auto,xla,go" default:"auto"`

	Train    trainCommand    `cmd:"" default:"withargs" help:"Run the stages that changed, keep the others (the default)."`
	Embed    embedCommand    `cmd:"" help:"Compute the hidden states that the stages read, or a share of them."`
	Score    scoreCommand    `cmd:"" help:"Score JSON lines from standard input."`
	Evaluate evaluateCommand `cmd:"" help:"Evaluate the trained model again."`
	Export   exportCommand   `cmd:"" help:"Write a Hugging Face folder that AutoModelForSequenceClassification loads."`
	Report   reportCommand   `cmd:"" help:"Write report.html: curves, histograms, calibration, data."`
	Inspect  inspectCommand  `cmd:"" help:"Print what this trainer does and what its run directory holds."`
}

// An invocation is one call of the trainer: the program with its overrides
// applied, and where input and output go.
type invocation struct {
	ctx            context.Context
	program        program.Program
	dir            string
	root           string // as Run.Root
	backend        string
	stdin          io.Reader
	stdout, stderr *os.File
}

// A usageError is a mistake in what the user typed, for exit code 2.
type usageError struct{ error }

// Main is the whole of a generated main: it reads the command line, runs the
// program and exits.
func Main(p program.Program) {
	backend.TuneProcess()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, p, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, p program.Program, args []string, stdin io.Reader, stdout, stderr *os.File) int {
	var c commandLine
	exited := -1
	parser, err := kong.New(&c, kong.Name(p.Name), kong.Description(describe(p)), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}))
	if err != nil {
		panic(err) // the struct above is wrong
	}
	parsed, err := parser.Parse(goFlags(args))
	if exited >= 0 {
		return exited // --help
	}
	if err == nil {
		err = p.Set(c.Set)
	}
	if err != nil {
		return misused(stderr, p, err)
	}
	if c.Out == "" {
		c.Out = filepath.Join("runs", p.Name)
	}
	in := &invocation{ctx: ctx, program: p, dir: c.Out, root: c.Root, backend: c.Backend, stdin: stdin, stdout: stdout, stderr: stderr}
	err = parsed.Run(in)
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, new(usageError)):
		return misused(stderr, p, err)
	}
	fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
	return exitProblem
}

func misused(stderr *os.File, p program.Program, err error) int {
	fmt.Fprintf(stderr, "%s: %v\n%[1]s --help lists commands and flags\n", p.Name, err)
	return exitUsage
}

// describe is the first line of the help: the stages, in order.
func describe(p program.Program) string {
	names := make([]string, len(p.Stages))
	for i, s := range p.Stages {
		names[i] = s.Name()
	}
	return fmt.Sprintf("Generated from %s.rmr: %s.", p.Name, strings.Join(names, ", "))
}

// goFlags lets long flags be written with one dash, as the go command has them.
func goFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "--" {
			copy(out[i:], args[i:])
			break
		}
		if len(a) > 2 && a[0] == '-' && a[1] != '-' && (a[1] < '0' || a[1] > '9') {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// A trainCommand trains.
type trainCommand struct {
	Resume bool `help:"Go on where an unfinished run stopped."`
	Force  bool `help:"Overwrite a finished or unfinished run: do again what changed or was not finished, and keep the rest."`
	Anew   bool `help:"Overwrite it and train and fit again what did not change, too."`
	Steps  int  `help:"Stop after so many optimizer steps." placeholder:"N"`
}

// Run trains in the run directory, or shows what it holds when it is this very
// run, finished.
func (c *trainCommand) Run(in *invocation) error {
	if c.Steps < 0 {
		return usageError{fmt.Errorf("--steps %d: want a positive number; 0 is all", c.Steps)}
	}
	release, err := rundir.Claim(in.dir)
	if err != nil {
		return err
	}
	defer release()
	rec, err := rundir.Read(in.dir)
	if err != nil && !c.Force && !c.Anew {
		return err
	}
	what, err := c.decide(rec, in.program, in.dir)
	if err != nil {
		return err
	}
	if what == present {
		fmt.Fprintf(in.stderr, "nothing changed since this run finished on %s; --anew trains it all again\n", rec.Ended.Format("2 January 2006 15:04 UTC"))
		in.summarise(rec)
		return nil
	}
	r, err := in.open()
	if err != nil {
		return err
	}
	r.Resume, r.Steps = what == goOn, c.Steps
	if what == change {
		if err := in.mayChange(r, rec); err != nil {
			return err
		}
	}
	show := newProgress(in.stderr)
	r.OnStep, r.OnNote = show.step, show.note
	if what != goOn {
		if err := in.makeRoom(r, rec != nil, c.Anew); err != nil {
			return err
		}
	}
	return in.train(r)
}

// mayChange refuses to run a changed program over a finished run where that would
// lose a model or a fit, and says which and why.
func (in *invocation) mayChange(r *Run, rec *rundir.Record) error {
	changes, err := r.changes(in.ctx)
	if err != nil {
		return fmt.Errorf("%w; the run in %s was not touched", err, in.dir)
	}
	var lines []string
	for _, c := range changes {
		if c.loses {
			lines = append(lines, fmt.Sprintf("\n  %s: %s", c.stage, c.why))
		}
	}
	if len(lines) > 0 {
		return fmt.Errorf("%s holds a finished run that differs in %s. This would be computed again, in place of what it has:%s\n"+
			"--force does so and keeps the rest; --out DIR keeps it all and trains elsewhere", in.dir, rec.Differs(in.program), strings.Join(lines, ""))
	}
	fmt.Fprintf(in.stderr, "the run of %s differs in %s; what it computed is kept\n", rec.Ended.Format("2 January 2006 15:04 UTC"), rec.Differs(in.program))
	return nil
}

// makeRoom clears the directory for a new run. An older run is left alone until
// all that the new one reads has been read.
func (in *invocation) makeRoom(r *Run, older, anew bool) error {
	if older {
		if err := r.ReadAll(in.ctx); err != nil {
			return fmt.Errorf("%w; the run in %s was not touched", err, in.dir)
		}
	}
	return rundir.Clear(in.dir, anew)
}

// open is a run over the invocation's program with its backend opened.
func (in *invocation) open() (*Run, error) {
	b, err := backend.Open(in.backend)
	if err != nil {
		return nil, err
	}
	if b.Notice != "" {
		fmt.Fprintln(in.stderr, b.Notice)
	}
	return &Run{Asker: scoring.New(&world.World{Program: in.program, Dir: in.dir, Root: in.root, Backend: b})}, nil
}

// train runs the program and keeps its record true at every moment: running,
// then finished, stopped or failed.
func (in *invocation) train(r *Run) error {
	rec := rundir.New(r.Program, r.Backend.Kind, r.Backend.Plugin)
	if err := rec.Write(in.dir); err != nil {
		return err
	}
	err := r.Execute(in.ctx)
	ended := time.Now().UTC().Truncate(time.Second)
	rec.Ended, rec.Status, rec.Results, rec.StoppedAfter = &ended, "finished", withoutRows(r.Results), r.stoppedAfter()
	rec.Stages, rec.Comparisons = r.Done, r.Comparisons
	switch {
	case errors.Is(err, context.Canceled):
		rec.Status = "stopped"
	case err != nil:
		rec.Status, rec.Error = "failed", err.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(r.Stats)) {
		rec.Data = append(rec.Data, r.dataRecord(name))
	}
	if rec.Contract, _ = r.Contract(); err == nil {
		err = rundir.WriteRows(in.dir, r.Results)
	}
	if writing := rec.Write(in.dir); err == nil {
		err = writing
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped; --resume goes on from the last checkpoint in %s", in.dir)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w; the disk is full: make room, and --resume goes on", err)
	case err == nil:
		in.summarise(rec)
	}
	return err
}

// dataRecord says where a data set is from and what became of its rows.
func (r *Run) dataRecord(name string) rundir.DataRecord {
	rec := rundir.NewDataRecord(r.Program, name, r.Stats[name])
	if local, ok := r.Fetched("data", rec.Source); ok {
		rec.Revision = local.Revision
		if len(local.Files) == 1 {
			rec.SHA256 = local.Files[0].SHA256
		}
	}
	return rec
}

// stoppedAfter is Steps where it ended a training before its last step, else 0.
func (r *Run) stoppedAfter() int {
	for _, s := range r.Program.Stages {
		if s.Kind == "train" && r.Steps > 0 && r.Steps < s.Train.StepsFor(r.Stats[s.Data.Name].Train) {
			return r.Steps
		}
	}
	return 0
}

func withoutRows(all []measure.Result) []measure.Result {
	out := append([]measure.Result(nil), all...)
	for i := range out {
		out[i].Rows, out[i].Conversations = nil, nil
	}
	return out
}

// summarise prints what a run found, where it is and what to try next.
func (in *invocation) summarise(rec *rundir.Record) {
	in.tell(rec)
	if rec.StoppedAfter > 0 {
		fmt.Fprintf(in.stdout, "stopped  after step %d, as --steps says; --resume goes on\n", rec.StoppedAfter)
	}
	self := os.Args[0] // "rmc run … --" where rmc has started the trainer
	if !strings.HasPrefix(self, "rmc run ") {
		self = "./" + filepath.Base(self)
	}
	fmt.Fprintf(in.stdout, "run      %s\n", in.dir)
	for _, kept := range [][2]string{{"model", "train"}, {"fits", "fit"}} {
		if in.program.Has(kept[1]) {
			fmt.Fprintf(in.stdout, "%-8s %s\n", kept[0], filepath.Join(in.dir, kept[0]))
		}
	}
	fmt.Fprintf(in.stdout, "next     %s report   a page with curves, histograms and calibration\n", self)
	if in.program.Has("train") || len(in.program.Rewards) > 0 {
		row, flags := scorable(in.program)
		fmt.Fprintf(in.stdout, "         %s export   a folder that transformers loads\n         echo '%s' | %s score%s\n", self, row, self, flags)
	}
}

// scorable is a row that score reads, and the flags that say what scores it: the
// only reward or model, or of several the first.
func scorable(p program.Program) (row, flags string) {
	reward, m, err := p.Scored("")
	if err != nil {
		name := ""
		if first := slices.IndexFunc(p.Stages, func(s program.Stage) bool { return s.Kind == "train" }); first >= 0 {
			name = p.Stages[first].Model.Name
		}
		if len(p.Rewards) > 0 {
			name = p.Rewards[0].Name
		}
		flags = " --model " + name
		reward, m, _ = p.Scored(name) // it is there
	}
	var d spec.Data
	if reward.Name != "" {
		d, _, err = p.RewardReads(reward)
	} else {
		d, _, err = p.ModelReads(m)
	}
	switch {
	case err == nil && d.Format == "ids":
		row = `{"ids":[…]}`
	case err == nil && d.Kind == "labels" && d.From.Kind == "compare":
		row = `{"prompt":"…","responses":["…","…"]}`
	case err == nil && d.Kind == "labels" && d.Level == "step":
		row = `{"question":"…","steps":["…","…"]}`
	default:
		row = `{"prompt":"…","response":"…"}`
	}
	return row, flags
}

// tell prints what was measured.
func (in *invocation) tell(rec *rundir.Record) {
	for _, res := range rec.Results {
		fmt.Fprintln(in.stdout, results.Headline(res))
		for _, line := range results.Details(res) {
			fmt.Fprintf(in.stdout, "  %s\n", line)
		}
	}
	for _, c := range rec.Comparisons {
		fmt.Fprintln(in.stdout, c)
	}
}

// An evaluateCommand measures the trained model anew.
type evaluateCommand struct {
	JSON bool `help:"Print the results as JSON."`
}

// Run evaluates the model in the run directory on the program's evaluate
// stages. The scoring contract of training must hold.
func (c *evaluateCommand) Run(in *invocation) error {
	r, rec, err := in.trained()
	if err != nil {
		return err
	}
	if err := r.Evaluate(in.ctx); err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(in.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(withoutRows(r.Results))
	}
	rec.Results, rec.Comparisons = withoutRows(r.Results), r.Comparisons
	in.summarise(rec)
	return nil
}

// trained opens the program over a run directory that holds a trained model,
// and holds the program's scoring contract against the run's.
func (in *invocation) trained() (*Run, *rundir.Record, error) {
	rec, err := rundir.Read(in.dir)
	if err != nil {
		return nil, nil, err
	}
	if rec == nil || rec.Status != "finished" {
		return nil, nil, fmt.Errorf("%s holds no finished run; train first, or name another folder with --out", in.dir)
	}
	r, err := in.open()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range r.Program.Stages {
		if s.Kind != "train" {
			continue
		}
		last, err := r.Program.Trains(s.Model.Name)
		if err == nil {
			err = r.KeepsContract(in.ctx, last)
		}
		if err != nil {
			return nil, nil, r.Program.Failed(last, err)
		}
	}
	if rec.Contract != nil && len(r.Program.Rewards) > 0 {
		now, err := r.Contract()
		if err == nil {
			err = rec.Contract.Check(*now)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return r, rec, nil
}
