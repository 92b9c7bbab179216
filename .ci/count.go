// Command count reads the output of go test -json and prints what matters of
// it: the output of what failed, the reason of what was skipped, and last a
// line with the numbers. It exits with 1 if anything failed.
//
// Counted are the tests that have no subtests, and those that fail by
// themselves; a package that does not build or crashes is one failure.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
)

func main() {
	failed, err := count(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "count:", err)
	}
	if failed > 0 || err != nil {
		os.Exit(1)
	}
}

// An event is one line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// A result is a test, or with an empty name a package, and how it ended.
type result struct {
	pkg, test, action string
	output            []string
	subtests          bool
}

func count(in io.Reader, out io.Writer) (failed int, err error) {
	results := map[string]*result{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // go's own words: a module that cannot be had
			failed++
			continue
		}
		record(results, e, out)
	}
	passed, broken, skipped := summarize(results, out)
	if passed+failed+broken+skipped == 0 {
		fmt.Fprintln(out, "no test ran")
		broken++
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed+broken, skipped)
	return failed + broken, lines.Err()
}

// record adds e to its test. A package is announced when it ends, so that a
// long run shows progress.
func record(results map[string]*result, e event, out io.Writer) {
	pkg := e.Package
	if pkg == "" { // of a build: "path [path.test]"
		pkg, _, _ = strings.Cut(e.ImportPath, " ")
	}
	key := pkg + "\x00" + e.Test
	r := results[key]
	if r == nil {
		r = &result{pkg: pkg, test: e.Test}
		results[key] = r
		if i := strings.LastIndexByte(e.Test, '/'); i > 0 {
			if parent := results[pkg+"\x00"+e.Test[:i]]; parent != nil {
				parent.subtests = true
			}
		}
	}
	switch e.Action {
	case "output", "build-output":
		r.output = append(r.output, e.Output)
		if e.Test == "" && (strings.HasPrefix(e.Output, "ok ") || strings.HasPrefix(e.Output, "FAIL\t")) {
			fmt.Fprint(out, e.Output)
		}
	case "pass", "fail", "skip", "build-fail":
		r.action = e.Action
	}
}

func summarize(results map[string]*result, out io.Writer) (passed, failed, skipped int) {
	var keys []string
	for key := range results {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	skips := map[string][]string{}        // by reason
	brokenBelow := map[string]bool{}      // packages and tests with a failure already counted
	for i := len(keys) - 1; i >= 0; i-- { // children before parents
		r := results[keys[i]]
		switch {
		case r.action == "" && r.test != "": // a crash ended it
			r.action = "fail"
			fallthrough
		case r.action == "fail" || r.action == "build-fail":
			if brokenBelow[keys[i]] || r.test == "" && brokenBelow[r.pkg] {
				break
			}
			failed++
			for parent := r.test; strings.Contains(parent, "/"); {
				parent = parent[:strings.LastIndexByte(parent, '/')]
				brokenBelow[r.pkg+"\x00"+parent] = true
			}
			brokenBelow[r.pkg] = true
			fmt.Fprintf(out, "FAILED %s %s\n%s", r.pkg, r.test, strings.Join(r.output, ""))
		case r.test == "" || r.subtests:
		case r.action == "skip":
			skipped++
			why := reason(r.output)
			skips[why] = append(skips[why], r.test)
		case r.action == "pass":
			passed++
		}
	}
	printSkips(skips, out)
	return passed, failed, skipped
}

// printSkips prints a line a reason, with the tests that gave it.
func printSkips(skips map[string][]string, out io.Writer) {
	for _, why := range slices.Sorted(maps.Keys(skips)) {
		tests := skips[why]
		slices.Sort(tests)
		fmt.Fprintf(out, "skipped %d: %s (%s", len(tests), why, tests[0])
		if len(tests) > 1 {
			fmt.Fprintf(out, " and others")
		}
		fmt.Fprintln(out, ")")
	}
}

var place = regexp.MustCompile(`^\S+_test\.go:\d+: `)

// reason is what the test said when it skipped itself.
func reason(output []string) string {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return place.ReplaceAllString(line, "")
		}
	}
	return "no reason given"
}
