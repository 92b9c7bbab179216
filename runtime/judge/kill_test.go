package judge

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The child that TestD1 kills: it asks, as a trainer would.
const childFolder, childEndpoint, childRolls = "RMC_TEST_JUDGE_FOLDER", "RMC_TEST_JUDGE_ENDPOINT", "RMC_TEST_JUDGE_ROLLS"

const childPairs = 40

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		j := judgeAt(os.Getenv(childEndpoint), dir)
		var err error
		if os.Getenv(childRolls) == "" {
			_, err = j.Ask(context.Background(), pairs(childPairs))
		} else {
			j = (&server{Server: &httptest.Server{URL: strings.TrimSuffix(os.Getenv(childEndpoint), "/v1")}}).solver(dir)
			j.Label.Parallel, j.Label.StopAtWrong = 4, true
			_, err = j.Rollout(context.Background(), solutions(childPairs/4))
		}
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// D1: the reference writes its results after the whole loop, so that what was
// paid for is lost in a crash. Here a process is killed after every few answers,
// and the next goes on: no row is lost, asked for twice once it is in the table,
// or made up.
func TestD1KilledAndResumed(t *testing.T) {
	var answered atomic.Int64
	s := newServer(t, func(http.ResponseWriter, string, int) bool {
		time.Sleep(2 * time.Millisecond)
		answered.Add(1)
		return false
	})
	dir := t.TempDir()
	kills, kept := 0, 0
	for every := int64(9); ; every += 2 {
		done, err := killAfter(t, s.URL+"/v1", dir, &answered, every)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
		kills++
		now := wholeLines(t, dir)
		if now < kept {
			t.Fatalf("%d answers were kept, now %d", kept, now)
		}
		kept = now
	}
	if kills < 3 {
		t.Fatalf("killed %d times only", kills)
	}
	before := s.requests()
	j := s.judge(dir)
	r := mustAsk(t, j, pairs(childPairs))
	holds(t, j, r, childPairs)
	if r.Summary.Asked != 0 || s.requests() != before || len(tableLines(t, dir)) != 2*childPairs {
		t.Errorf("%+v; %d lines", r.Summary, len(tableLines(t, dir)))
	}
	if again := before - 2*childPairs; again > kills*4 {
		t.Errorf("%d questions were asked again after %d kills, at most 4 were under way at each", again, kills)
	}
}

// A rollout that is killed again and again, and that asks step by step, loses no
// completion, repeats none that is in the table and makes none up.
func TestD1KilledRollout(t *testing.T) {
	var answered atomic.Int64
	s := newServer(t, func(w http.ResponseWriter, question string, _ int) bool {
		time.Sleep(2 * time.Millisecond)
		answered.Add(1)
		if strings.Contains(question, "a mistake") {
			say(w, "7")
			return true
		}
		return solver(w, question, 1)
	})
	dir := t.TempDir()
	kills := 0
	for every := int64(11); ; every += 2 {
		done, err := killAfter(t, s.URL+"/v1", dir, &answered, every, childRolls+"=1")
		if err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
		kills++
	}
	before := s.requests()
	j := s.solver(dir)
	j.Label.StopAtWrong = true
	r := mustRoll(t, j, solutions(childPairs/4))
	const answers = childPairs / 4 * 8
	if r.Summary.Asked != 0 || r.Summary.Reused != answers || s.requests() != before || len(tableLines(t, dir)) != answers || kills < 3 {
		t.Errorf("%+v; %d lines after %d kills", r.Summary, len(tableLines(t, dir)), kills)
	}
	if got := shownRows(r); !strings.HasPrefix(got, "0: 1.00(4) 1.00(4) 1.00(-1) true; 1: 1.00(4) 0.00(0) – false; ") {
		t.Errorf("found is %s", got)
	}
	if again := before - answers; again > kills*4 {
		t.Errorf("%d questions were asked again after %d kills, at most 4 were under way at each", again, kills)
	}
}

// killAfter runs the child until some answers were given; done says that it came
// to its end before.
func killAfter(t *testing.T, endpoint, dir string, answered *atomic.Int64, n int64, env ...string) (done bool, err error) {
	child := exec.Command(os.Args[0])
	child.Env = append(append(os.Environ(), childFolder+"="+dir, childEndpoint+"="+endpoint), env...)
	var said strings.Builder
	child.Stderr = &said
	start := answered.Load()
	if err := child.Start(); err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("the child failed: %v: %s", err, said.String())
			}
			return true, nil
		case <-time.After(time.Millisecond / 2):
		}
		if answered.Load()-start >= n {
			if err := child.Process.Kill(); err != nil && err != os.ErrProcessDone {
				return false, err
			}
			return <-ended == nil, nil
		}
	}
}

// wholeLines counts the answers of the table that end with a line feed.
func wholeLines(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	for _, l := range tableLines(t, dir) {
		if strings.HasSuffix(l, "}\n") || strings.HasSuffix(l, "}") {
			n++
		}
	}
	return n
}

// A server that goes away in the middle fails the run, which the next one ends.
func TestServerDies(t *testing.T) {
	var answered atomic.Int64
	var healed atomic.Bool
	s := newServer(t, func(w http.ResponseWriter, _ string, _ int) bool {
		if answered.Add(1) > 11 && !healed.Load() {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	j := s.judge(t.TempDir())
	j.Label.Retries = 1
	_, err := j.Ask(context.Background(), pairs(20))
	wantError(t, err, "(asked 2 times)")
	if n := len(tableLines(t, j.Dir)); n != 11 {
		t.Errorf("%d answers are kept of 11", n)
	}
	healed.Store(true)
	r := mustAsk(t, j, pairs(20))
	holds(t, j, r, 20)
	if r.Summary.Reused != 11 {
		t.Errorf("%+v", r.Summary)
	}
}
