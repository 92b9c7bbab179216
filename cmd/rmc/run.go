package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
)

// A runCommand builds a trainer and runs it.
type runCommand struct {
	recipeFlags
	factsFlags
	Backend backend `name:"backend" enum:"xla,go" default:"xla" help:"What the trainer computes with: xla or go."`
}

// again is the command line that runs the same trainer once more.
func (r *runCommand) again() string {
	words := []string{"rmc run"}
	if r.Recipe != "" {
		words = append(words, r.Recipe)
	}
	for _, set := range r.Set {
		words = append(words, "--set "+strconv.Quote(set))
	}
	if r.Backend != backendXLA {
		words = append(words, "--backend "+string(r.Backend))
	}
	return strings.Join(append(words, "--"), " ")
}

// An exitError is the exit code of a trainer, which has said why itself.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("the trainer exits with %d", int(e)) }

// Run builds the trainer in the cache and runs it here with the arguments after
// --. Its exit code is rmc's.
func (r *runCommand) Run(c *console) error {
	recipe, program, err := c.program(r.recipeFlags, r.factsFlags)
	if err != nil {
		return err
	}
	trainer, err := cachedTrainer(recipe.Recipe.Name, program, r.Backend)
	if err != nil {
		return err
	}
	args := c.args
	if dir := filepath.Dir(recipe.path); dir != "." {
		args = append([]string{"--root", dir}, args...)
	}
	cmd := exec.Command(trainer, args...)
	cmd.Args[0] = r.again() // what the trainer tells its user to type
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, c.err
	signal.Ignore(os.Interrupt) // the trainer gets it too and finishes its checkpoint
	defer signal.Reset(os.Interrupt)
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return exitError(exit.ExitCode())
	} else if err != nil {
		return fmt.Errorf("running the trainer: %w", err)
	}
	return nil
}
