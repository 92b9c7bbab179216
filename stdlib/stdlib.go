// Package stdlib holds the objectives that come with rmc, written in the
// language and embedded as they are. Nothing in the compiler knows one of them
// by name.
package stdlib

import "embed"

// FS has a file for each library: use std/preference is preference.rmr.
//
//go:embed *.rmr
var FS embed.FS
