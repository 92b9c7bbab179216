package main

import (
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	const pass = `{"Action":"pass","Package":"p","Test":"TestA"}`
	for _, test := range []struct {
		name, events, want string
		failed             int
	}{
		{"a pass", pass, "1 passed, 0 failed, 0 skipped\n", 0},
		{"nothing", "", "no test ran\n0 passed, 1 failed, 0 skipped\n", 1},
		{"leaves alone count", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
` + pass, "1 passed, 0 failed, 0 skipped\n", 0},
		{"a failure below counts once", pass + `
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"run","Package":"p","Test":"TestB/x"}
{"Action":"output","Package":"p","Test":"TestB/x","Output":"    b_test.go:3: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestB/x"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}`, "FAILED p TestB/x\n    b_test.go:3: wrong\n1 passed, 1 failed, 0 skipped\n", 1},
		{"a build that fails", pass + `
{"Action":"build-output","ImportPath":"q [q.test]","Output":"q.go:1:1: syntax error\n"}
{"Action":"build-fail","ImportPath":"q [q.test]"}
{"Action":"fail","Package":"q"}`, "FAILED q \nq.go:1:1: syntax error\n1 passed, 1 failed, 0 skipped\n", 1},
		{"a crash", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "FAILED p TestA\n0 passed, 1 failed, 0 skipped\n", 1},
		{"skips by reason", `{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: needs a plugin\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: needs a plugin\n"}
{"Action":"skip","Package":"p","Test":"TestA"}`, "skipped 2: needs a plugin (TestA and others)\n0 passed, 0 failed, 2 skipped\n", 0},
		{"words of go itself", "go: cannot find module\n" + pass, "go: cannot find module\n1 passed, 1 failed, 0 skipped\n", 1},
	} {
		var out strings.Builder
		failed, err := count(strings.NewReader(test.events), &out)
		if err != nil || failed != test.failed || out.String() != test.want {
			t.Errorf("%s: %d failed, %v, printed\n%s\nwant\n%s", test.name, failed, err, &out, test.want)
		}
	}
}
