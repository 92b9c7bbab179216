// Command rmc compiles reward-model recipes into Go programs that train them.
// It turns flags into calls of package compiler and results into text, files
// and exit codes, gathers the facts that the compiler is handed, and runs the
// Go tool. What a recipe means is not decided here.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

func main() { os.Exit(run(os.Args[1:], systemConsole())) }

// The exit codes.
const (
	exitFine     = 0
	exitProblems = 1 // with the recipe, or in the world
	exitUsage    = 2 // the command line itself
)

// A console is what a command talks to.
type console struct {
	in   io.Reader
	out  io.Writer // results
	err  io.Writer // everything else
	args []string  // what follows -- on the command line

	outColour, errColour bool // whether the streams are terminals that show colours
}

func systemConsole() *console {
	colours := func(f *os.File) bool {
		return term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		outColour: colours(os.Stdout), errColour: colours(os.Stderr),
	}
}

// note says on the error stream what is going on.
func (c *console) note(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }

// commands is the command line, in kong's terms. Each command has a Run.
type commands struct {
	Check   checkCommand   `cmd:"" help:"Report every problem of a recipe."`
	Fmt     fmtCommand     `cmd:"" help:"Rewrite recipes in the canonical form."`
	Plan    planCommand    `cmd:"" help:"Show what a recipe will do: stages, tokens, steps, memory."`
	Render  renderCommand  `cmd:"" help:"Print a recipe with every value and where it comes from."`
	Preview previewCommand `cmd:"" help:"Show the tokens of a row: what is scored, what is cut away."`
	Lock    lockCommand    `cmd:"" help:"Write rmc.lock: the digests of everything a recipe reads."`
	Build   buildCommand   `cmd:"" help:"Compile a recipe to a trainer."`
	Run     runCommand     `cmd:"" help:"Build the trainer and run it; its own arguments follow --."`
	Diff    diffCommand    `cmd:"" help:"Compare two recipes by meaning."`
	Explain explainCommand `cmd:"" help:"Explain a diagnostic code or a field of the language."`
	New     newCommand     `cmd:"" help:"Start a recipe from a commented template."`
	Plugin  pluginCommand  `cmd:"" help:"Get the XLA plugin that trainers compute with (63 MB, through pip)."`
	Version versionCommand `cmd:"" help:"Print the version of rmc and of the runtime it carries."`
}

const description = `rmc compiles a reward-model recipe (.rmr) into a small Go program that trains it.

In a folder with one recipe no RECIPE need be named: "rmc build && ./trainer" is enough.`

// errReported is returned by a command that has printed all there is to say.
var errReported = errors.New("reported")

// A usageError is a mistake in the command line that kong cannot see.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is the whole command but for the process around it.
func run(args []string, c *console) int {
	if i := slices.Index(args, "--"); i >= 0 {
		args, c.args = args[:i], args[i+1:]
	}
	helped := false
	parser := kong.Must(&commands{},
		kong.Name("rmc"), kong.Description(description),
		kong.Writers(c.out, c.err), kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ShortUsageOnError())
	ctx, err := parser.Parse(canonicalArgs(parser.Model, args))
	switch {
	case helped && len(args) > 0:
		return exitFine
	case helped:
		return exitUsage
	case err != nil:
		return c.usage(err, args)
	case len(c.args) > 0 && ctx.Command() != "run" && ctx.Command() != "run <recipe>":
		return c.usage(errors.New("only rmc run takes arguments after --"), args)
	}
	return c.exit(ctx.Run(c), args)
}

// exit prints what err says that has not been printed, and returns the code.
func (c *console) exit(err error, args []string) int {
	var usage usageError
	var trainer exitError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &trainer):
		return int(trainer)
	case errors.As(err, &usage):
		return c.usage(err, args)
	case !errors.Is(err, errReported):
		c.note("rmc: %v", err)
	}
	return exitProblems
}

func (c *console) usage(err error, args []string) int {
	c.note("rmc: %v", err)
	help := "rmc --help"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "help" &&
		!strings.HasPrefix(err.Error(), "unexpected argument "+args[0]) {
		help = "rmc " + args[0] + " --help"
	}
	c.note("run %q for usage", help)
	return exitUsage
}

// canonicalArgs turns what Go users type into what kong reads: -json and
// -json=… get their second dash, "help build" is "build --help", and no
// argument at all asks for help.
func canonicalArgs(app *kong.Application, args []string) []string {
	if len(args) == 0 {
		return []string{"--help"}
	}
	if args[0] == "help" {
		return append(slices.Clone(args[1:]), "--help")
	}
	long, short := map[string]bool{"help": true}, map[byte]bool{'h': true}
	for _, command := range app.Leaves(true) {
		for _, flag := range command.Flags {
			long[flag.Name] = true
			short[byte(flag.Short)] = true
		}
	}
	out := slices.Clone(args)
	for i, arg := range out {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		// -o3 is a value right behind its flag; -jsn is a misspelt -json.
		if len(name) > 1 && arg[0] == '-' && name[0] != '-' && (long[name] || !short[name[0]]) {
			out[i] = "-" + arg
		}
	}
	return out
}
