package judge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// solutions are n attempts of three steps. In odd rows the second step is a
// mistake, from which the solver gets to the right answer in one of four tries, and
// the answer at the end is wrong.
func solutions(n int) []Solution {
	out := make([]Solution, n)
	for row := range out {
		out[row] = Solution{
			Row: row, Question: fmt.Sprintf("question %d", row), Answer: fmt.Sprintf("work\n#### %d", 100+row),
			Steps: []string{"a step", "another step", fmt.Sprintf("The answer is %d.", 100+row)}, Gold: []int8{1, 1, 1},
		}
		if row%2 == 1 {
			out[row].Steps[1], out[row].Steps[2], out[row].Gold = "a mistake", "The answer is 7.", []int8{1, -1, -1}
		}
	}
	return out
}

// solver is the reply of a server that goes on with solutions.
func solver(w http.ResponseWriter, question string, before int) bool {
	var row int
	_, rest, _ := strings.Cut(question, "question ")
	fmt.Sscan(rest, &row)
	if strings.Contains(question, "a mistake") && before%4 != 1 {
		say(w, `so it is \boxed{7}`)
	} else {
		say(w, fmt.Sprintf(`so it is 7 and \boxed{%d.0}`, 100+row))
	}
	return true
}

func (s *server) solver(dir string) Judge {
	j := s.judge(dir)
	j.Label.Kind, j.Label.Name, j.Label.Ask = "rollout", "steps", ""
	j.Label.Prompt, j.Label.Text = "std/rollout.jinja", standard("rollout")
	j.Label.Samples, j.Label.Temperature, j.Label.Grade, j.Label.MaxTokens = 4, 0.7, "hard", 100
	j.Label.Parallel = 1
	return j
}

func mustRoll(t *testing.T, j Judge, all []Solution) *Rollout {
	t.Helper()
	r, err := j.Rollout(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shown is what was found of each solution: its labels, right completions and
// outcome.
func shownRows(r *Rollout) string {
	var b strings.Builder
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "%d:", row.Row)
		for i, l := range row.Labels {
			if l == nil {
				fmt.Fprintf(&b, " –")
			} else {
				fmt.Fprintf(&b, " %.2f(%d)", *l, row.Right[i])
			}
		}
		if row.Outcome != nil {
			fmt.Fprintf(&b, " %v", *row.Outcome)
		}
		b.WriteString("; ")
	}
	return b.String()
}

func TestRollout(t *testing.T) {
	s := newServer(t, solver)
	j := s.solver(t.TempDir())
	r := mustRoll(t, j, solutions(4))
	if got, want := shownRows(r), "0: 1.00(4) 1.00(4) 1.00(-1) true; 1: 1.00(4) 1.00(1) 0.00(-1) false; 2: 1.00(4) 1.00(4) 1.00(-1) true; 3: 1.00(4) 1.00(1) 0.00(-1) false; "; got != want {
		t.Errorf("hard:\n%s, want\n%s", got, want)
	}
	want := RolloutSummary{
		Solutions: 4, Steps: 12, Good: 10, Bad: 2, Own: 4, Completions: 32, Right: 26, Alike: 6, RightAnswers: 2, WrongAnswers: 2, Gold: agreement(10, 12),
		Usage: Usage{Requests: 32, Asked: 32, PromptTokens: 3200, AnswerTokens: 160},
	}
	if r.Summary != want {
		t.Errorf("%+v, want\n%+v", r.Summary, want)
	}
	if got := r.Summary.String(); !strings.HasPrefix(got, "4 solutions, 2 right and 2 wrong in the end: 10 steps good, 2 bad; 26 of 32 completions right, 0 without an answer; all completions of 6 steps are alike; agrees with the rows in 83.3 % of 12 steps (95 %: 55.2 to 95.3); 32 answers") {
		t.Error(got)
	}
	// Each request has the solution so far, and a seed of its own; the same again asks nothing.
	if b := s.bodies[0]; !strings.Contains(asked(b), "question 0") || !strings.HasSuffix(strings.TrimSpace(asked(b)), "a step") || strings.Contains(asked(b), "another") || b["temperature"] != 0.7 || b["max_tokens"] != 100.0 {
		t.Errorf("the first request is %v", b)
	}
	seeds := map[any]bool{}
	for _, b := range s.bodies {
		seeds[b["seed"]] = true
	}
	if len(seeds) != 32 {
		t.Errorf("%d seeds", len(seeds))
	}
	soft := j
	soft.Label.Grade = "soft"
	r = mustRoll(t, soft, solutions(4))
	if got, want := shownRows(r), "0: 1.00(4) 1.00(4) 1.00(-1) true; 1: 1.00(4) 0.25(1) 0.00(-1) false; "; !strings.HasPrefix(got, want) || r.Summary.Asked != 0 || s.requests() != 32 {
		t.Errorf("soft:\n%s, want\n%s; %+v", got, want, r.Summary)
	}
	// More samples ask for what is missing alone.
	more := j
	more.Label.Samples = 6
	if r = mustRoll(t, more, solutions(4)); r.Summary.Asked != 16 || r.Summary.Reused != 32 {
		t.Errorf("%+v", r.Summary)
	}
	more.Label.Limit, more.Label.Samples = 1, 4
	if r = mustRoll(t, more, solutions(4)); len(r.Rows) != 1 || r.Summary.Reused != 8 {
		t.Errorf("limited: %s, %+v", shownRows(r), r.Summary)
	}
}

// Nothing is asked after the first step that leads nowhere.
func TestRolloutStopsAtTheFirstWrongStep(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, question string, before int) bool {
		if strings.Contains(question, "a mistake") {
			say(w, "nothing comes of it: 7")
			return true
		}
		return solver(w, question, before)
	})
	j := s.solver(t.TempDir())
	all := solutions(2)
	for i := range all {
		all[i].Steps = append(all[i].Steps[:2], "more", "and more", all[i].Steps[2])
	}
	r := mustRoll(t, j, all)
	if got, want := shownRows(r), "0: 1.00(4) 1.00(4) 1.00(4) 1.00(4) 1.00(-1) true; 1: 1.00(4) 0.00(0) 0.00(0) 0.00(0) 0.00(-1) false; "; got != want {
		t.Errorf("asked of all:\n%s, want\n%s", got, want)
	}
	before := s.requests()
	j = s.solver(t.TempDir())
	j.Label.StopAtWrong = true
	r = mustRoll(t, j, all)
	if got, want := shownRows(r), "0: 1.00(4) 1.00(4) 1.00(4) 1.00(4) 1.00(-1) true; 1: 1.00(4) 0.00(0) – – – false; "; got != want {
		t.Errorf("stopped:\n%s, want\n%s", got, want)
	}
	if n := s.requests() - before; n != 16+8 || before != 32 {
		t.Errorf("%d requests, and %d without stopping", n, before)
	}
}

// What a completion ends with.
func TestRolloutAnswers(t *testing.T) {
	var reply string
	var finish string
	s := newServer(t, func(w http.ResponseWriter, _ string, _ int) bool {
		w.Write(line(map[string]any{"model": "m", "choices": []any{map[string]any{"message": map[string]any{"content": reply}, "finish_reason": finish}}}))
		return true
	})
	for _, c := range []struct {
		reply, finish string
		steps         []string
		want          string
	}{
		{`\boxed{\frac{1}{2}}`, "stop", []string{"x"}, "0: 1.00(1); "},
		{"A: .5", "stop", []string{"x"}, "0: 1.00(1); "},
		{"then 7, so 1/2", "stop", []string{"x"}, "0: 1.00(1); "},
		{"then 7, so 1/2", "length", []string{"x"}, "0: 0.00(0); "}, // cut off: who knows what it would have said
		{"#### 0.50\nand then", "length", []string{"x"}, "0: 1.00(1); "},
		{"I cannot say", "stop", []string{"x"}, "0: 0.00(0); "},
		{"", "stop", []string{"2 * 0.25 = 0.5"}, "0: 1.00(1) true; "}, // it takes the solution for complete
		{"", "length", []string{"2 * 0.25 = 0.5"}, "0: 0.00(0) true; "},
		{"", "stop", []string{"it is 0.5", "x"}, "0: 0.00(0) 1.00(1) true; "}, // only after the last step
		{"7", "stop", []string{"x", `\boxed{0.5}`}, "0: 0.00(0) 1.00(-1) true; "},
		{"7", "stop", []string{`\boxed{0.5}`, "it is done"}, "0: 0.00(0) 0.00(0) true; "}, // the last step says nothing itself
	} {
		reply, finish = c.reply, c.finish
		j := s.solver(t.TempDir())
		j.Label.Samples = 1
		r := mustRoll(t, j, []Solution{{Question: "q", Steps: c.steps, Answer: "1/2"}})
		if got := shownRows(r); got != c.want {
			t.Errorf("%q (%s) after %q: %s, want %s", c.reply, c.finish, c.steps, got, c.want)
		}
	}
	reply, finish = "no number", "stop"
	j := s.solver(t.TempDir())
	if r := mustRoll(t, j, []Solution{{Question: "q", Steps: []string{"x"}, Answer: "1/2"}}); r.Summary.Silent != 4 || r.Summary.Bad != 1 || r.Rows[0].Outcome != nil {
		t.Errorf("%+v", r.Summary)
	}
}

func TestRolloutsThatCannotBe(t *testing.T) {
	s := newServer(t, solver)
	for want, all := range map[string][]Solution{
		"row 1 is gone on from twice":                 append(solutions(1), solutions(1)...),
		"row 3 has no step":                           {{Row: 2, Answer: "1"}},
		"row 1 has no right answer to compare with":   {{Steps: []string{"a"}, Answer: " "}},
		"the prompt std/rollout.jinja reads the same": {{Question: "q", Steps: []string{"a", ""}, Answer: "1"}},
	} {
		j := s.solver(t.TempDir())
		if strings.Contains(want, "prompt") {
			j.Label.Text = "{{ question }}"
		}
		_, err := j.Rollout(context.Background(), all)
		wantError(t, err, want)
	}
	if s.requests() != 0 {
		t.Errorf("%d requests", s.requests())
	}
}

// The server fails in every way there is; each completion is in the table once, and
// what is found is what an untroubled server says.
func TestRolloutFailuresAreAskedAgain(t *testing.T) {
	var n atomic.Int64
	s := newServer(t, nil)
	answered := map[string]int{}
	s.reply = func(w http.ResponseWriter, question string, before int) bool {
		switch n.Add(1) % 7 {
		case 1:
			w.WriteHeader(429)
		case 2:
			http.Error(w, `so it is \boxed{100}`, 500)
		case 3:
			w.Write(completed(`so it is \boxed{7}`)[:90])
		case 4:
			time.Sleep(150 * time.Millisecond)
			say(w, `so it is \boxed{7}`)
		case 5:
			panic(http.ErrAbortHandler)
		case 6:
			io.WriteString(w, `{"choices":[]}`)
		default:
			before = answered[question]
			answered[question]++
			return solver(w, question, before)
		}
		return true
	}
	j := s.solver(t.TempDir())
	j.Label.Timeout, j.Label.Retries, j.Label.Samples = 0.1, 8, 2
	j.Label.Temperature = 0.7
	r := mustRoll(t, j, solutions(2))
	if got, want := shownRows(r), "0: 1.00(2) 1.00(2) 1.00(-1) true; 1: 1.00(2) 1.00(1) 0.00(-1) false; "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if lines := tableLines(t, j.Dir); len(lines) != 8 || r.Summary.Asked != 8 || r.Summary.Requests != 56 {
		t.Errorf("%d answers are kept, %+v", len(lines), r.Summary)
	}
}

// However many bytes of the table a crash left, the rollout that goes on asks for
// what is not there, and ends as one that nothing befell.
func TestRolloutCutAtAnyByte(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, question string, _ int) bool { return solver(w, question, 1) })
	whole := s.solver(t.TempDir())
	whole.Label.Samples = 2
	want := shownRows(mustRoll(t, whole, solutions(2)))
	path, _ := filepath.Glob(filepath.Join(whole.Dir, "answers-*.jsonl"))
	content, err := os.ReadFile(path[0])
	if err != nil {
		t.Fatal(err)
	}
	start := bytes.IndexByte(content, '\n') + 1
	for cut := start; cut <= len(content); cut += 31 {
		j := whole
		j.Dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(j.Dir, filepath.Base(path[0])), content[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		before := s.requests()
		r := mustRoll(t, j, solutions(2))
		kept := bytes.Count(content[start:cut], []byte("\n"))
		if got := shownRows(r); got != want || r.Summary.Reused != kept || s.requests()-before != 8-kept {
			t.Errorf("cut at %d: %s, want %s; %d answers were there, %d asked for", cut, got, want, kept, s.requests()-before)
		}
		lines := tableLines(t, j.Dir)
		seen := map[string]bool{}
		for _, l := range lines {
			seen[strings.TrimSpace(l)] = true
		}
		for _, l := range bytes.Split(bytes.TrimSpace(content[start:]), []byte("\n")) {
			if !seen[string(l)] {
				t.Errorf("cut at %d: %s is lost", cut, l)
			}
		}
		if len(lines) != 8 {
			t.Errorf("cut at %d: %d answers", cut, len(lines))
		}
	}
}
