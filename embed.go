// Package rmc carries the source of the runtime, so that the rmc command can
// compile a trainer on a machine that has Go and no checkout. It holds nothing
// else.
package rmc

import "embed"

// Source is go.mod, go.sum and all under runtime/, as a module tree. Tests are
// in it too; who unpacks it leaves them out.
//
//go:embed go.mod go.sum runtime
var Source embed.FS
