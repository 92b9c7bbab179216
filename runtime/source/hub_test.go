package source

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// A fakeHub is a hub with one commit per repository, which can be made to fail.
type fakeHub struct {
	t     *testing.T
	repos map[string]map[string]string // "models/o/n" → file → content
	token string                       // that readers need; empty is none

	mu    sync.Mutex
	calls []string
	serve func(w http.ResponseWriter, r *http.Request, content string) bool // before a file; true when it answered
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.calls = append(h.calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
	serve := h.serve
	h.mu.Unlock()
	if h.token != "" && r.Header.Get("Authorization") != "Bearer "+h.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/"); ok {
		h.info(w, rest)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if !strings.HasPrefix(path, "datasets/") {
		path = "models/" + path
	}
	repo, file, _ := strings.Cut(path, "/resolve/"+commit+"/")
	content, ok := h.repos[repo][file]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if serve == nil || !serve(w, r, content) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	}
}

func (h *fakeHub) info(w http.ResponseWriter, path string) {
	repo, revision, _ := strings.Cut(path, "/revision/")
	files, ok := h.repos[repo]
	switch {
	case !ok:
		w.Header().Set("X-Error-Code", "RepoNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	case revision != "main" && revision != commit:
		w.Header().Set("X-Error-Code", "RevisionNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	info := map[string]any{"sha": commit}
	var siblings []map[string]any
	for name, content := range files {
		s := map[string]any{"rfilename": name, "size": len(content), "blobId": blobID(content)}
		if strings.HasSuffix(name, ".safetensors") {
			sum := sha256.Sum256([]byte(content))
			s["lfs"] = map[string]any{"sha256": hex.EncodeToString(sum[:]), "size": len(content)}
		}
		siblings = append(siblings, s)
	}
	info["siblings"] = siblings
	if err := json.NewEncoder(w).Encode(info); err != nil {
		h.t.Error(err)
	}
}

func blobID(content string) string {
	sum := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(content), content)))
	return hex.EncodeToString(sum[:])
}

// model is a whole model repository.
func model() map[string]string {
	return map[string]string{
		"config.json": "{}", "model.safetensors": strings.Repeat("weights", 1000), "tokenizer.json": "tok", "tokenizer_config.json": "cfg",
		"chat_template.jinja": "tmpl", "README.md": "long", "pytorch_model.bin": "pickle", "onnx/model.onnx": "onnx",
	}
}

// newHub starts a hub and a store that uses it, with an empty cache.
func newHub(t *testing.T, repos map[string]map[string]string) (*fakeHub, *Store) {
	t.Helper()
	for _, env := range []string{"HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN_PATH"} {
		t.Setenv(env, "")
	}
	t.Setenv("HF_HOME", t.TempDir())
	h := &fakeHub{t: t, repos: repos}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return h, &Store{Endpoint: server.URL, HubCache: t.TempDir(), patience: 300 * time.Millisecond}
}

func fetch(t *testing.T, s *Store, source string) (Local, error) {
	t.Helper()
	return s.Fetch(context.Background(), mustParse(t, source))
}

func mustFetch(t *testing.T, s *Store, source string) Local {
	t.Helper()
	l, err := fetch(t, s, source)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestHubModel(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	var said []string
	s.Log = func(msg string) { said = append(said, msg) }
	l := mustFetch(t, s, "hf:o/n")
	if l.Revision != commit || l.Repo != models || !l.IsDir || names(l) != "chat_template.jinja config.json model.safetensors tokenizer.json tokenizer_config.json" {
		t.Errorf("%+v", l)
	}
	if want := filepath.Join(s.HubCache, "models--o--n", "snapshots", commit); l.Path != want {
		t.Errorf("path %s, want %s", l.Path, want)
	}
	if !slices.Contains(said, "hf:o/n: downloading model.safetensors (7 kB)") {
		t.Errorf("it said %q", said)
	}
	ref, err := os.ReadFile(filepath.Join(s.HubCache, "models--o--n", "refs", "main"))
	if err != nil || string(ref) != commit {
		t.Errorf("refs/main is %q, %v", ref, err)
	}
	link, err := os.Readlink(filepath.Join(l.Path, "config.json"))
	if runtime.GOOS != "windows" && (err != nil || link != filepath.Join("..", "..", "blobs", blobID("{}"))) {
		t.Errorf("the snapshot links to %q, %v", link, err)
	}

	h.calls = nil
	mustFetch(t, s, "hf:o/n@"+commit)
	if len(h.calls) > 0 {
		t.Errorf("a pinned model that is in the cache was asked for: %v", h.calls)
	}
	mustFetch(t, s, "hf:o/n")
	if len(h.calls) != 1 || !strings.Contains(h.calls[0], "/revision/main") {
		t.Errorf("a branch is looked up once: %v", h.calls)
	}
	s.Offline, h.calls = true, nil
	if l := mustFetch(t, s, "hf:o/n"); l.Revision != commit || len(h.calls) > 0 {
		t.Errorf("offline: %+v %v", l, h.calls)
	}
}

func TestHubShards(t *testing.T) {
	files := map[string]string{
		"config.json": "{}", "tokenizer.json": "t", "consolidated.safetensors": "c",
		"model.safetensors.index.json":     `{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`,
		"model-00001-of-00002.safetensors": "one", "model-00002-of-00002.safetensors": "two",
	}
	_, s := newHub(t, map[string]map[string]string{"models/o/n": files})
	if got, want := names(mustFetch(t, s, "hf:o/n")), "config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.json"; got != want {
		t.Errorf("files %q, want %q", got, want)
	}
}

func TestHubDataset(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"datasets/o/d": {"harmless/train.jsonl.gz": "rows", "README.md": "x"}})
	l := mustFetch(t, s, "hf:o/d/harmless/train.jsonl.gz")
	if l.Repo != datasets || l.IsDir || names(l) != "train.jsonl.gz" || !strings.HasSuffix(filepath.ToSlash(l.Path), "datasets--o--d/snapshots/"+commit+"/harmless/train.jsonl.gz") {
		t.Errorf("%+v", l)
	}
	if got, err := os.ReadFile(l.Path); err != nil || string(got) != "rows" {
		t.Errorf("%q %v", got, err)
	}
	if strings.Contains(strings.Join(h.calls, "\n"), "/models/") {
		t.Errorf("a .jsonl.gz was looked for among models first: %v", h.calls)
	}
	if l := mustFetch(t, s, "hf:o/d/README.md"); l.Repo != datasets {
		t.Errorf("%+v", l)
	}
	_, err := fetch(t, s, "hf:o/d/harmless")
	wantError(t, err, `hf:o/d/harmless: "harmless" is a folder: name one of its files: harmless/train.jsonl.gz`)
	_, err = fetch(t, s, "hf:datasets/o/d")
	wantError(t, err, "hf:datasets/o/d: is a data set: name the file in it: harmless/train.jsonl.gz")
	_, err = fetch(t, s, "hf:o/d/harmless/trian.jsonl.gz")
	wantError(t, err, `has no file "harmless/trian.jsonl.gz"; did you mean "harmless/train.jsonl.gz"?`)
}

func TestHubReadsAnExistingCache(t *testing.T) {
	_, s := newHub(t, nil)
	s.Offline = true
	lay(t, s.HubCache, map[string]string{
		"models--o--n/refs/main":                                  commit + "\n",
		"models--o--n/snapshots/" + commit + "/config.json":       "{}",
		"models--o--n/snapshots/" + commit + "/model.safetensors": "w",
		"models--o--n/snapshots/" + commit + "/tokenizer.json":    "t",
		"datasets--o--d/refs/main":                                commit,
		"datasets--o--d/snapshots/" + commit + "/x/rows.jsonl":    "{}",
	})
	if l := mustFetch(t, s, "hf:o/n"); names(l) != "config.json model.safetensors tokenizer.json" {
		t.Errorf("%+v", l)
	}
	if l := mustFetch(t, s, "hf:o/d@"+commit+"/x/rows.jsonl"); l.Repo != datasets {
		t.Errorf("%+v", l)
	}
	_, err := fetch(t, s, "hf:o/missing")
	wantError(t, err, "hf:o/missing: not in the hub's cache "+s.HubCache+"; offline, so nothing was fetched")
	s.Offline = false
	t.Setenv("HF_HUB_OFFLINE", "1")
	_, err = fetch(t, s, "hf:o/missing")
	wantError(t, err, "offline, so nothing was fetched")
}

func TestHubCannotBeReached(t *testing.T) {
	_, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	mustFetch(t, s, "hf:o/n")
	s.Endpoint = "http://127.0.0.1:1"
	var said string
	s.Log = func(msg string) { said += msg }
	if l := mustFetch(t, s, "hf:o/n"); l.Revision != commit || !strings.Contains(said, "cannot reach the hub") || !strings.Contains(said, "using commit "+commit) {
		t.Errorf("%+v; it said %q", l, said)
	}
	_, err := fetch(t, s, "hf:o/other")
	wantError(t, err, "hf:o/other: cannot reach the hub: ")
}

func TestHubRefusals(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	_, err := fetch(t, s, "hf:o/nn")
	wantError(t, err, "hf:o/nn: the hub has no o/nn (looked for a model and for a data set)")
	_, err = fetch(t, s, "hf:o/n@v9")
	wantError(t, err, `hf:o/n@v9: o/n has no revision "v9"`)
	h.token = "secret"
	_, err = fetch(t, s, "hf:o/n")
	wantError(t, err, "the hub does not show o/n (status 401): it is private, gated or not there; set HF_TOKEN to a token that may read it")
	t.Setenv("HF_TOKEN", "wrong")
	_, err = fetch(t, s, "hf:models/o/n")
	wantError(t, err, "the hub does not show o/n to your token (status 401)")
	if left := filesUnder(t, s.HubCache); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Setenv("HF_TOKEN", "secret")
	mustFetch(t, s, "hf:o/n")
}

func TestHubTokenFile(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	h.token = "secret"
	lay(t, os.Getenv("HF_HOME"), map[string]string{"token": "secret\n"})
	mustFetch(t, s, "hf:o/n")
}

func TestHubTokenStaysWithTheHub(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	h.token = "secret"
	t.Setenv("HF_TOKEN", "secret")
	leaked := make(chan string, 100)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked <- r.Header.Get("Authorization")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(model()[r.URL.Path[1:]]))
	}))
	defer elsewhere.Close()
	other := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) // another host to net/http
	h.serve = func(w http.ResponseWriter, r *http.Request, content string) bool {
		http.Redirect(w, r, other+"/"+filepath.Base(r.URL.Path), http.StatusFound)
		return true
	}
	mustFetch(t, s, "hf:o/n")
	close(leaked)
	for auth := range leaked {
		if auth != "" {
			t.Errorf("the token went to another host: %q", auth)
		}
	}
}

func TestHubTruncatedBodyIsResumed(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	h.serve = func(w http.ResponseWriter, r *http.Request, content string) bool {
		if r.Header.Get("Range") != "" || len(content) < 1000 {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write([]byte(content[:3000])) // and the connection closes
		return true
	}
	mustFetch(t, s, "hf:o/n")
	if !slices.ContainsFunc(h.calls, func(c string) bool { return strings.HasSuffix(c, "model.safetensors bytes=3000-") }) {
		t.Errorf("not resumed: %v", h.calls)
	}
}

func TestHubResumesAnEarlierRun(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	weights := model()["model.safetensors"]
	sum := sha256.Sum256([]byte(weights))
	blob := "models--o--n/blobs/" + hex.EncodeToString(sum[:])
	lay(t, s.HubCache, map[string]string{blob + ".incomplete": weights[:500]})
	mustFetch(t, s, "hf:o/n")
	if !slices.ContainsFunc(h.calls, func(c string) bool { return strings.HasSuffix(c, "bytes=500-") }) {
		t.Errorf("not resumed: %v", h.calls)
	}
	if exists(filepath.Join(s.HubCache, blob+".incomplete")) {
		t.Error("the partial file is left")
	}
}

func TestHubDownloadsThatFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(w http.ResponseWriter, r *http.Request, content string) bool
		want  string
	}{
		{"always truncated", func(w http.ResponseWriter, r *http.Request, content string) bool {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write([]byte(content[:10])) // ranges are ignored
			return true
		}, "model.safetensors: the transfer broke off after 10 of 7000 bytes: unexpected EOF"},
		{"stalls", func(w http.ResponseWriter, r *http.Request, content string) bool {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write([]byte(content[:10]))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}, "model.safetensors: the transfer broke off after 10 of 7000 bytes: nothing came for 300ms"},
		{"never answers", func(w http.ResponseWriter, r *http.Request, content string) bool {
			<-r.Context().Done()
			return true
		}, "model.safetensors: cannot reach the hub: "},
		{"damaged", func(w http.ResponseWriter, r *http.Request, content string) bool {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("x"+content[1:]))
			return true
		}, "model.safetensors: arrived damaged: its digest is "},
		{"server error", func(w http.ResponseWriter, r *http.Request, content string) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, "model.safetensors: the hub answered 503 Service Unavailable"},
		{"gated file", func(w http.ResponseWriter, r *http.Request, content string) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}, "model.safetensors: the hub refuses the file (status 403): accept the repository's terms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, s := newHub(t, map[string]map[string]string{"models/o/n": {"config.json": "{}", "model.safetensors": strings.Repeat("w", 7000)}})
			h.serve = func(w http.ResponseWriter, r *http.Request, content string) bool {
				return len(content) > 1000 && c.serve(w, r, content)
			}
			_, err := fetch(t, s, "hf:o/n")
			wantError(t, err, c.want)
			for _, f := range filesUnder(t, s.HubCache) {
				if strings.HasSuffix(f, "model.safetensors") {
					t.Errorf("half a file has the name of a whole one: %s", f)
				}
			}
			h.mu.Lock() // a handler that was given up may still be on its way out
			h.serve = nil
			h.mu.Unlock()
			mustFetch(t, s, "hf:o/n") // and the next try is not spoilt by this one
		})
	}
}

func TestHubThatTellsNoDigest(t *testing.T) {
	_, s := newHub(t, nil)
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"sha":"%s","siblings":[{"rfilename":"x.jsonl"}]}`, commit)
	}))
	defer mirror.Close()
	s.Endpoint = mirror.URL
	_, err := fetch(t, s, "hf:o/d/x.jsonl")
	wantError(t, err, "x.jsonl: the hub (a mirror?) tells no digest of it")
	if left := filesUnder(t, s.HubCache); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestHubIsCancelled(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	ctx, cancel := context.WithCancel(context.Background())
	h.serve = func(w http.ResponseWriter, r *http.Request, content string) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	start := time.Now()
	if _, err := s.Fetch(ctx, mustParse(t, "hf:o/n")); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestHubFromManyAtOnce(t *testing.T) {
	h, s := newHub(t, map[string]map[string]string{"models/o/n": model()})
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = (&Store{Endpoint: s.Endpoint, HubCache: s.HubCache}).Fetch(context.Background(), Ref{Kind: Hub, Name: "o/n"})
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	n := 0
	for _, c := range h.calls {
		if strings.Contains(c, "model.safetensors") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the weights were downloaded %d times", n)
	}
}

// The public hub's address comes from the hub library by reflection; this fails
// when an upgrade of the library hides it.
func TestDefaultEndpoint(t *testing.T) {
	t.Setenv("HF_ENDPOINT", "")
	if got := (&Store{}).endpoint(); !strings.HasPrefix(got, "https://") {
		t.Errorf("the public hub is %q", got)
	}
	t.Setenv("HF_ENDPOINT", "http://mirror:8080/")
	if got := (&Store{}).endpoint(); got != "http://mirror:8080" {
		t.Errorf("$HF_ENDPOINT is read as %q", got)
	}
}
