// Package rmc carries the source of the runtime, so that the rmc command can
// compile a trainer on a machine that has Go and no checkout. It holds nothing
// else.
package rmc

import "embed"

// Source is go.mod, go.sum and the packages under runtime/, as a module tree.
// Test files are in it too; who unpacks it leaves them out. A runtime package
// that embeds files of its own needs a pattern here; a test says which.
//
//go:embed go.mod go.sum runtime/*/*.go
var Source embed.FS
