// Package stdlib embeds the objectives of the standard library, which are
// written in the language. Nothing in the compiler knows one of them by name.
package stdlib

import "embed"

// FS holds the files of the standard library: preference.rmr is std/preference.
//
//go:embed *.rmr
var FS embed.FS
