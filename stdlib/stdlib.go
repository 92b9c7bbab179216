// Package stdlib holds the objectives, suites and prompts that come with rmc,
// written in the language, prompts in Jinja, and embedded as they are. Nothing in
// the compiler knows one of them by name, but for the prompts that hold where a
// label names none.
package stdlib

import "embed"

// FS has a file for each library, use std/preference is preference.rmr, and for
// each prompt, prompt = "std/judge_pairwise.jinja".
//
//go:embed *.rmr *.jinja
var FS embed.FS
