package judge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

func turn(role, content string) text.Message { return text.Message{Role: role, Content: content} }

// pairs are n questions; the first response is good in even rows, the second in
// odd ones.
func pairs(n int) []Question {
	out := make([]Question, n)
	for row := range out {
		sides := []string{"good", "bad"}
		if row%2 == 1 {
			slices.Reverse(sides)
		}
		out[row] = Question{
			Row: row, Conversation: []text.Message{turn("user", fmt.Sprintf("question %d", row))},
			First: []text.Message{turn("assistant", sides[0])}, Second: []text.Message{turn("assistant", sides[1])},
		}
	}
	return out
}

// wanted are the preferences of an honest judge of pairs(n).
func wanted(n int) map[int]int8 {
	out := map[int]int8{}
	for row := range n {
		out[row] = int8(row%2)*2 - 1
	}
	return out
}

// A server is a judge that says which response has the word good, unless reply
// does something else.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	asked   map[string]int // times, by question
	bodies  []map[string]any
	keys    []string
	running int
	most    int // requests under way at once
	// reply answers instead, given how often the question was asked before; false
	// is for the honest answer.
	reply func(w http.ResponseWriter, question string, before int) bool
}

func newServer(t *testing.T, reply func(w http.ResponseWriter, question string, before int) bool) *server {
	s := &server{asked: map[string]int{}, reply: reply}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	content, _ := io.ReadAll(r.Body)
	var body map[string]any
	if err := json.Unmarshal(content, &body); err != nil || r.URL.Path != map[bool]string{true: "/v1/completions", false: "/v1/chat/completions"}[body["prompt"] != nil] || r.Method != http.MethodPost {
		http.Error(w, "no such thing", http.StatusNotFound)
		return
	}
	question := asked(body)
	s.mu.Lock()
	before := s.asked[question]
	s.asked[question]++
	s.bodies, s.keys = append(s.bodies, body), append(s.keys, r.Header.Get("Authorization"))
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	if s.reply != nil && s.reply(w, question, before) {
		return
	}
	say(w, verdict(question))
}

// asked is the text of a request.
func asked(body map[string]any) string {
	if text, ok := body["prompt"].(string); ok {
		return text
	}
	return body["messages"].([]any)[0].(map[string]any)["content"].(string)
}

// verdict is what an honest judge writes.
func verdict(question string) string {
	return "One is good, the other bad: [[" + honest(question) + "]]"
}

// honest is the letter of the response that is good.
func honest(question string) string {
	_, a, _ := strings.Cut(question, "<|RESPONSE A|>\n")
	if strings.HasPrefix(a, "good") {
		return "A"
	}
	return "B"
}

func say(w http.ResponseWriter, answer string) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(completed(answer))
}

func completed(answer string) []byte {
	return line(map[string]any{
		"id": "x", "object": "chat.completion", "model": "m-1",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": answer}}},
		"usage":   map[string]any{"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105},
	})
}

func (s *server) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, times := range s.asked {
		n += times
	}
	return n
}

// judge is one that loses no time between tries.
func (s *server) judge(dir string) Judge { return judgeAt(s.URL+"/v1", dir) }

func judgeAt(endpoint, dir string) Judge {
	return Judge{
		Label: spec.Label{
			Name: "judged", Kind: "llm", Endpoint: endpoint, Model: "m", Key: "RMC_TEST_KEY", API: "chat", Ask: "pairwise", Orders: "both", Verdict: "last",
			Prompt: "std/judge_pairwise.jinja", Text: standard("judge_pairwise"), Samples: 1, MaxTokens: 5, Parallel: 4, Retries: 6, Timeout: 5, Undecided: "drop",
		},
		Dir: dir, pause: time.Millisecond,
	}
}

// standard is a prompt of the standard library.
func standard(name string) string {
	text, err := os.ReadFile("../../stdlib/" + name + ".jinja")
	if err != nil {
		panic(err)
	}
	return string(text)
}

func mustAsk(t *testing.T, j Judge, questions []Question) *Result {
	t.Helper()
	r, err := j.Ask(context.Background(), questions)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// holds checks that answers are those of an honest judge to pairs(n), each once.
func holds(t *testing.T, j Judge, r *Result, n int) {
	t.Helper()
	if fmt.Sprint(r.Preferences) != fmt.Sprint(wanted(n)) {
		t.Errorf("preferences are %v", r.Preferences)
	}
	for i, row := range r.Rows {
		if row.Row != i || row.Outcome != []string{first, second}[i%2] || len(row.Verdicts) != 2 || row.Verdicts[0] != []Verdict{A, B}[i%2] || row.Verdicts[1] != []Verdict{B, A}[i%2] {
			t.Errorf("row %d is %+v", i, row)
		}
	}
	answers := tableLines(t, j.Dir)
	if len(r.Rows) != n || len(answers) != 2*n {
		t.Fatalf("%d rows, %d answers to %d questions", len(r.Rows), len(answers), 2*n)
	}
	known := map[string]string{}
	for _, q := range pairs(n) {
		for _, order := range []string{given, swapped} {
			text := shownAs(t, j, q, order)
			known[disk.Digest(text)] = verdict(text)
		}
	}
	for _, l := range answers {
		var a Answer
		if err := json.Unmarshal([]byte(l), &a); err != nil || a.Text != known[a.Question] || a.Text == "" || a.Model != "m-1" || a.AnswerTokens != 5 || a.Sample != 0 {
			t.Errorf("answer %+v (%v)", a, err)
		}
		delete(known, a.Question)
	}
}

// shownAs is the text of a question in an order.
func shownAs(t *testing.T, j Judge, q Question, order string) string {
	t.Helper()
	p, err := newPrompt(j.Label)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{label: j.Label, prompt: p}
	a, b := q.First, q.Second
	if order == swapped {
		a, b = b, a
	}
	text, err := s.text(q.Conversation, a, b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is\n  %v\nwant\n  %s", err, want)
	}
}

// tableLines are the answers in a folder's only table, unparsed.
func tableLines(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "answers-*.jsonl"))
	if err != nil || len(all) != 1 {
		t.Fatalf("tables %v %v", all, err)
	}
	content, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(content), "\n"), "\n")[1:]
}

func TestAsk(t *testing.T) {
	s := newServer(t, nil)
	j := s.judge(t.TempDir())
	r := mustAsk(t, j, pairs(10))
	holds(t, j, r, 10)
	want := Summary{Pairs: 10, First: 5, Second: 5, Consistent: 10, SaysA: 10, SaysB: 10, Usage: Usage{Requests: 20, Asked: 20, PromptTokens: 2000, AnswerTokens: 100}}
	if r.Summary != want {
		t.Errorf("summary is %+v, want %+v", r.Summary, want)
	}
	if got := r.Summary.String(); got != "10 pairs: first preferred 5, second 5, tie 0, undecided 0, 0 depend on the order; order-consistency 100.0 %, 50.0 % of verdicts for the response shown first; "+
		"20 answers asked for in 20 requests, 0 kept from before; 2000 prompt and 100 answer tokens" {
		t.Error(got)
	}
	b := s.bodies[0]
	if b["model"] != "m" || b["temperature"] != 0.0 || b["max_tokens"] != 5.0 || len(b) != 4 {
		t.Errorf("the request is %v", b)
	}
	// Again, nothing is asked; more rows, only those.
	r = mustAsk(t, j, pairs(10))
	holds(t, j, r, 10)
	if r.Summary.Asked != 0 || r.Summary.Reused != 20 || s.requests() != 20 {
		t.Errorf("%+v, %d requests", r.Summary, s.requests())
	}
	holds(t, j, mustAsk(t, j, pairs(12)), 12)
	if s.requests() != 24 {
		t.Errorf("%d requests", s.requests())
	}
}

// P8: what the order of the responses decides is no preference, and is counted.
func TestPositionBiasIsNoPreference(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, question string, _ int) bool {
		switch {
		case strings.Contains(question, "question 0"):
			say(w, "[[A]]")
		case strings.Contains(question, "question 1"):
			say(w, "Both are fine")
		case strings.Contains(question, "question 2") && honest(question) == "A":
			say(w, "")
		default:
			return false
		}
		return true
	})
	j := s.judge(t.TempDir())
	r := mustAsk(t, j, pairs(4))
	if fmt.Sprint(r.Preferences) != "map[0:0 1:0 2:0 3:1]" {
		t.Errorf("preferences are %v", r.Preferences)
	}
	sum := r.Summary
	if sum.Swayed != 1 || sum.Undecided != 2 || sum.Consistent != 1 || sum.First != 0 || sum.Second != 1 || sum.SaysA != 3 || sum.SaysB != 2 || sum.SaysNothing != 3 || sum.AlwaysA != 1 || sum.AlwaysB != 0 {
		t.Errorf("%+v", sum)
	}
	if share, ok := sum.Consistency(); !ok || share != 0.5 {
		t.Errorf("consistency %v %v", share, ok)
	}
	if text := strings.Join(tableLines(t, j.Dir), ""); !strings.Contains(text, "Both are fine") {
		t.Errorf("the text of an undecided answer is not kept: %s", text)
	}
	j = s.judge(t.TempDir())
	j.Label.Undecided = "error"
	_, err := j.Ask(context.Background(), pairs(4))
	wantError(t, err, "undecided = error, and the judge decides nothing of 3 of 4 pairs (row 1, 2, 3): 4 pairs: first preferred 0")
	j = s.judge(t.TempDir())
	j.Label.Orders = "given"
	r = mustAsk(t, j, pairs(4))
	if _, ok := r.Summary.Consistency(); ok || fmt.Sprint(r.Preferences) != "map[0:-1 1:0 2:0 3:1]" || len(r.Rows) != 4 || len(r.Rows[0].Verdicts) != 1 {
		t.Errorf("in one order: %v, %+v", r.Preferences, r.Summary)
	}
}

// Each way to fail that may pass, before an answer: all are asked for again and
// none is taken for one.
func TestFailuresAreAskedAgain(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter){
		"429":       func(w http.ResponseWriter) { http.Error(w, `{"error":{"message":"slow down"}}`, 429) },
		"408":       func(w http.ResponseWriter) { w.WriteHeader(408) },
		"500":       func(w http.ResponseWriter) { http.Error(w, "[[A]]", 500) },
		"503":       func(w http.ResponseWriter) { w.WriteHeader(503) },
		"timeout":   func(w http.ResponseWriter) { time.Sleep(150 * time.Millisecond); say(w, "A") },
		"cut JSON":  func(w http.ResponseWriter) { w.Write(completed("[[A]]")[:90]) },
		"no JSON":   func(w http.ResponseWriter) { io.WriteString(w, "[[A]]") },
		"nothing":   func(w http.ResponseWriter) {},
		"no choice": func(w http.ResponseWriter) { io.WriteString(w, `{"choices":[]}`) },
		"an error with status 200": func(w http.ResponseWriter) {
			io.WriteString(w, `{"error":{"message":"overloaded"}}`)
		},
		"cut body": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			w.Write(completed("[[A]]")[:90])
		},
		"cut connection": func(w http.ResponseWriter) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				c.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, question string, before int) bool {
				if before < 2 && strings.Contains(question, "question 1") {
					fail(w)
					return true
				}
				return false
			})
			var mu sync.Mutex
			var notes []string
			j := s.judge(t.TempDir())
			j.Label.Timeout = 0.1
			j.Note = func(text string) { mu.Lock(); notes = append(notes, text); mu.Unlock() }
			holds(t, j, mustAsk(t, j, pairs(3)), 3)
			if n := s.requests(); n != 6+4 {
				t.Errorf("%d requests, want 10", n)
			}
			if all := strings.Join(notes, "\n"); strings.Count(all, "asking again in") != 4 || !strings.Contains(all, "row 2, order swapped: ") {
				t.Errorf("notes:\n%s", all)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var first time.Time
	var waited time.Duration
	s := newServer(t, func(w http.ResponseWriter, _ string, before int) bool {
		if before == 0 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
			return true
		}
		waited = time.Since(first)
		return false
	})
	j := s.judge(t.TempDir())
	j.Label.Orders = "given"
	mustAsk(t, j, pairs(1))
	if waited < time.Second || waited > 3*time.Second {
		t.Errorf("asked again after %v, not after the second that the server wants", waited)
	}
	for value, want := range map[string]time.Duration{"": -1, "soon": -1, "-1": -1, "NaN": -1, "0": 0, "2": 2 * time.Second, "1.5": 2 * time.Second, "Thu, 01 Jan 1970 00:00:00 GMT": time.Second} {
		got, ok := retryAfter(value)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("Retry-After: %s is %v, want %v", value, got, want)
		}
	}
	if got, ok := retryAfter(time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)); !ok || got < 85*time.Second || got > 92*time.Second {
		t.Errorf("a date in 90 s is %v", got)
	}
	s = newServer(t, func(w http.ResponseWriter, _ string, _ int) bool {
		w.Header().Set("Retry-After", "86400")
		http.Error(w, `{"error":"the quota of the day is used up"}`, 429)
		return true
	})
	_, err := s.judge(t.TempDir()).Ask(context.Background(), pairs(1))
	wantError(t, err, "the quota of the day is used up; it asks to wait 24h0m0s: run again then, what is answered is kept")
}

func TestRefusalsFailAtOnce(t *testing.T) {
	for status, c := range map[int]struct{ body, want string }{
		400: {`{"error":{"message":"max_tokens is not supported","type":"invalid_request_error"}}`, "the server answered 400 Bad Request: max_tokens is not supported"},
		401: {`{"detail":"no key"}`, "the server answered 401 Unauthorized: no key"},
		403: {`{"message":"not for you"}`, "the server answered 403 Forbidden: not for you"},
		404: {"<html>\n\n not\there</html>", "the server answered 404 Not Found: <html> not here</html>"},
		422: {"", "the server answered 422 Unprocessable Entity: nothing"},
	} {
		s := newServer(t, func(w http.ResponseWriter, _ string, _ int) bool {
			w.WriteHeader(status)
			io.WriteString(w, c.body)
			return true
		})
		j := s.judge(t.TempDir())
		j.Label.Parallel = 1
		_, err := j.Ask(context.Background(), pairs(3))
		wantError(t, err, "row 1, order given: "+c.want)
		if s.requests() != 1 {
			t.Errorf("%d: %d requests", status, s.requests())
		}
	}
}

// D2: the reference stores an API error as preference 0 and skips the row for
// ever. Here a row of which the server never gave an answer has none, and is
// asked for by the next run.
func TestD2ErrorsAreNeverAnswers(t *testing.T) {
	var healed atomic.Bool
	s := newServer(t, func(w http.ResponseWriter, question string, _ int) bool {
		if !healed.Load() && strings.Contains(question, "question 2") {
			http.Error(w, "[[B]]", 500)
			return true
		}
		return false
	})
	j := s.judge(t.TempDir())
	j.Label.Retries, j.Label.Parallel = 2, 1
	_, err := j.Ask(context.Background(), pairs(5))
	wantError(t, err, "row 3, order given: the server answered 500 Internal Server Error: [[B]] (asked 3 times)")
	lines := tableLines(t, j.Dir)
	if len(lines) != 4 || strings.Contains(strings.Join(lines, ""), "[[B]] ") {
		t.Errorf("kept after the error:\n%s", strings.Join(lines, ""))
	}
	healed.Store(true)
	r := mustAsk(t, j, pairs(5))
	holds(t, j, r, 5)
	if r.Summary.Reused != 4 || r.Summary.Asked != 6 {
		t.Errorf("%+v", r.Summary)
	}
}

// D3: the reference caps Gemini's answers at one token whatever was asked, and
// makes its limiter anew for each call, so that it never limits. Here the recipe's
// max_tokens is in each request, and no more than parallel are under way at once,
// with retries among them.
func TestD3LimitsHold(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, _ string, before int) bool {
		time.Sleep(3 * time.Millisecond)
		if before == 0 {
			w.WriteHeader(503)
		}
		return before == 0
	})
	j := s.judge(t.TempDir())
	j.Label.Parallel, j.Label.MaxTokens = 3, 17
	holds(t, j, mustAsk(t, j, pairs(30)), 30)
	if s.most != 3 {
		t.Errorf("%d requests were under way at once, want 3", s.most)
	}
	for _, b := range s.bodies {
		if b["max_tokens"] != 17.0 {
			t.Fatalf("max_tokens is %v", b["max_tokens"])
		}
	}
}

func TestKeyGoesToTheServerAlone(t *testing.T) {
	const key = "sk-very-secret-key"
	t.Setenv("RMC_TEST_KEY", key+"\n")
	s := newServer(t, func(w http.ResponseWriter, question string, before int) bool {
		switch {
		case before == 0:
			http.Error(w, `{"error":{"message":"too fast, `+key+`"}}`, 429)
		case strings.Contains(question, "question 0"):
			say(w, "I was given "+key)
		default:
			http.Error(w, `{"error":{"message":"Incorrect API key provided: `+key+`"}}`, 401)
		}
		return true
	})
	var mu sync.Mutex
	var notes []string
	j := s.judge(t.TempDir())
	j.Label.Parallel = 1
	j.Note = func(text string) { mu.Lock(); notes = append(notes, text); mu.Unlock() }
	_, err := j.Ask(context.Background(), pairs(2))
	wantError(t, err, "Incorrect API key provided: [key]")
	for _, header := range s.keys {
		if header != "Bearer "+key {
			t.Fatalf("the server got %q", header)
		}
	}
	written := strings.Join(notes, "\n") + err.Error()
	files, _ := filepath.Glob(filepath.Join(j.Dir, "*"))
	for _, f := range files {
		content, _ := os.ReadFile(f)
		written += string(content)
	}
	if len(files) == 0 || !strings.Contains(written, "I was given [key]") || strings.Contains(written, key) {
		t.Errorf("what was written and said:\n%s", written)
	}
	t.Setenv("RMC_TEST_KEY", "")
	s.reply, s.keys = nil, nil
	mustAsk(t, s.judge(t.TempDir()), pairs(1))
	if s.keys[0] != "" {
		t.Errorf("without a key the server got %q", s.keys[0])
	}
}

func TestBadEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"": `endpoint "" is no address`, "127.0.0.1:8000/v1": "is no address of a server", "ftp://h/v1": "is no address of a server",
		"http://": "is no address", "http://user:pass@h/v1": "endpoint has a name or password in it",
	} {
		j := judgeAt(endpoint, t.TempDir())
		_, err := j.Ask(context.Background(), pairs(1))
		wantError(t, err, want)
		if err != nil && strings.Contains(err.Error(), "pass@") {
			t.Errorf("the password is told: %v", err)
		}
	}
	s := newServer(t, nil)
	j := s.judge(t.TempDir())
	s.Close()
	j.Label.Retries = 1
	_, err := j.Ask(context.Background(), pairs(1))
	wantError(t, err, "connection refused (asked 2 times)")
	_, err = j.Ask(context.Background(), append(pairs(1), pairs(1)...))
	wantError(t, err, "row 1 is asked about twice")
}

func TestNothingToAsk(t *testing.T) {
	s := newServer(t, nil)
	r := mustAsk(t, s.judge(t.TempDir()), nil)
	if len(r.Preferences) != 0 || r.Summary != (Summary{}) || s.requests() != 0 {
		t.Errorf("%+v", r)
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := newServer(t, func(w http.ResponseWriter, question string, _ int) bool {
		if strings.Contains(question, "question 3") {
			cancel()
		}
		return false
	})
	j := s.judge(t.TempDir())
	_, err := j.Ask(ctx, pairs(50))
	wantError(t, err, "context canceled")
	kept := len(tableLines(t, j.Dir))
	if kept > 16 {
		t.Errorf("%d answers were asked for after the end", kept)
	}
	r := mustAsk(t, j, pairs(50))
	holds(t, j, r, 50)
	if r.Summary.Reused != kept {
		t.Errorf("%d of %d answers are reused", r.Summary.Reused, kept)
	}
}
