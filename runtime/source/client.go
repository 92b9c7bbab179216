package source

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A client speaks to a hub over HTTP.
type client struct {
	store    *Store
	http     *http.Client
	token    string
	patience time.Duration // without a byte before a transfer counts as stalled
	pause    time.Duration // before the first retry; doubled at each
	tries    int
}

func newClient(s *Store) *client {
	patience := s.patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	return &client{
		store: s, token: hubToken(), patience: patience, pause: patience / 30, tries: 4,
		http: &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: patience}).DialContext,
			TLSHandshakeTimeout:   patience,
			ResponseHeaderTimeout: patience,
			DisableKeepAlives:     true, // few large transfers; an idle connection would outlive the client
		}},
	}
}

// hubToken is the user's token, where huggingface_hub looks for it.
func hubToken() string {
	if t := os.Getenv("HF_TOKEN"); t != "" {
		return strings.TrimSpace(t)
	}
	file := os.Getenv("HF_TOKEN_PATH")
	if file == "" && os.Getenv("HF_HOME") != "" {
		file = filepath.Join(os.Getenv("HF_HOME"), "token")
	}
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		file = filepath.Join(home, ".cache", "huggingface", "token")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "" // no token is the usual case
	}
	return strings.TrimSpace(string(b))
}

// A notThere says that the hub or its cache has no such thing.
type notThere struct {
	what    string
	offline string
}

func (e *notThere) Error() string { return e.what + e.offline }

// An unreachable says that the hub did not answer.
type unreachable struct{ cause error }

func (e *unreachable) Error() string { return "cannot reach the hub: " + e.cause.Error() }
func (e *unreachable) Unwrap() error { return e.cause }

// A repoInfo is what the hub says of a repository at a revision.
type repoInfo struct {
	Commit string    `json:"sha"`
	Files  []hubFile `json:"siblings"`
}

type hubFile struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"`
	Blob string `json:"blobId"` // git's object id
	LFS  *struct {
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"lfs"`
}

// etag names the file's blob in the cache, as huggingface_hub does.
func (f hubFile) etag() string {
	if f.LFS != nil {
		return f.LFS.SHA256
	}
	return f.Blob
}

// digest is the hash whose value etag is.
func (f hubFile) digest() hash.Hash {
	if f.LFS != nil {
		return sha256.New()
	}
	h := sha1.New() // git's; it guards against accidents here, not against attackers
	fmt.Fprintf(h, "blob %d\x00", f.Size)
	return h
}

// info asks for the files of r at its revision.
func (c *client) info(ctx context.Context, r *repository) (*repoInfo, error) {
	u := c.store.endpoint() + "/api/" + escaped(r.kind+"/"+r.ref.Name+"/revision/"+r.revision()) + "?blobs=true"
	ctx, cancel := context.WithTimeout(ctx, 4*c.patience)
	defer cancel()
	resp, err := c.get(ctx, u, 0)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := c.refused(resp, r); err != nil {
		return nil, err
	}
	var info repoInfo
	if err := json.NewDecoder(resp.Body).Decode(&info); err != nil {
		return nil, fmt.Errorf("the hub's answer about %s is broken: %w", r.ref.Name, err)
	}
	if !commitHash.MatchString(info.Commit) {
		return nil, fmt.Errorf("the hub's answer about %s names no commit", r.ref.Name)
	}
	return &info, nil
}

func (c *client) get(ctx context.Context, u string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // sizes and ranges count stored bytes
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token) // net/http drops it when redirected to another host
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &unreachable{err}
	}
	return resp, nil
}

// refused turns a status other than success into what a user can do about it.
func (c *client) refused(resp *http.Response, r *repository) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK || code == http.StatusPartialContent:
		return nil
	case code == http.StatusNotFound && resp.Header.Get("X-Error-Code") == "RevisionNotFound":
		return fmt.Errorf("%s has no revision %q", r.ref.Name, r.revision())
	case code == http.StatusNotFound:
		return &notThere{what: fmt.Sprintf("the hub has no %s", r.ref.Name)}
	case code == http.StatusUnauthorized && c.token == "":
		return &notThere{what: fmt.Sprintf("the hub does not show %s (status 401): it is private, gated or not there; set HF_TOKEN to a token that may read it", r.ref.Name)}
	case code == http.StatusUnauthorized:
		return &notThere{what: fmt.Sprintf("the hub does not show %s to your token (status 401): it is not there, or the token is expired or may not read it", r.ref.Name)}
	case code == http.StatusForbidden:
		return fmt.Errorf("the hub refuses %s (status 403): accept its terms on its page, and set HF_TOKEN to a token that may read gated repositories", r.ref.Name)
	}
	return &statusError{code: resp.StatusCode, status: resp.Status}
}

// A statusError is an answer that may be different the next time.
type statusError struct {
	code   int
	status string
}

func (e *statusError) Error() string { return "the hub answered " + e.status }

func (e *statusError) passing() bool {
	return e.code >= 500 || e.code == http.StatusTooManyRequests
}

// download fetches f to path, going on from what an earlier try left in
// path.incomplete, and gives it its name only when its digest is right.
func (c *client) download(ctx context.Context, u string, f hubFile, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := path + ".incomplete"
	pause := c.pause
	for try := 1; ; try++ {
		err := c.transfer(ctx, u, f, part)
		if err == nil {
			break
		}
		if ctx.Err() != nil || try == c.tries || !worthRetry(err) {
			return spaceAware(err, part, f.Size)
		}
		c.store.logf("%s: %v; trying again", f.Name, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
	if err := verify(part, f); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}

// worthRetry tells passing troubles of the network from lasting ones.
func worthRetry(err error) bool {
	var status *statusError
	var lost *unreachable
	var short *truncated
	return errors.As(err, &lost) || errors.As(err, &short) || errors.As(err, &status) && status.passing()
}

// A truncated says that a transfer ended before the file did.
type truncated struct {
	have, want int64
	cause      error
}

func (e *truncated) Error() string {
	return fmt.Sprintf("the transfer broke off after %d of %d bytes: %v", e.have, e.want, e.cause)
}

// transfer appends to part what is missing of f.
func (c *client) transfer(ctx context.Context, u string, f hubFile, part string) error {
	out, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have > f.Size { // of another file: start over
		have = 0
	}
	if have == f.Size && have > 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := c.get(ctx, u, have)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if have, err = c.begin(resp, f, have); err != nil {
		return err
	}
	if err := out.Truncate(have); err != nil {
		return err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return err
	}
	if err := c.pour(ctx, cancel, out, resp.Body, f, have); err != nil {
		return err
	}
	return out.Close()
}

// begin tells at which byte the body begins; a server may ignore a range.
func (c *client) begin(resp *http.Response, f hubFile, have int64) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, nil
	case http.StatusPartialContent:
		start, _, _ := strings.Cut(strings.TrimPrefix(resp.Header.Get("Content-Range"), "bytes "), "-")
		if n, err := strconv.ParseInt(start, 10, 64); err != nil || n != have {
			return 0, fmt.Errorf("the hub sent bytes %q where those from %d were asked for", resp.Header.Get("Content-Range"), have)
		}
		return have, nil
	case http.StatusNotFound:
		return 0, &notThere{what: fmt.Sprintf("the hub has no file %s", f.Name)}
	case http.StatusUnauthorized, http.StatusForbidden:
		return 0, fmt.Errorf("the hub refuses the file (status %d): accept the repository's terms on its page, and set HF_TOKEN to a token that may read it", resp.StatusCode)
	}
	return 0, &statusError{code: resp.StatusCode, status: resp.Status}
}

// pour copies body to out, gives up when nothing comes for c.patience, and
// reports progress every few seconds.
func (c *client) pour(ctx context.Context, cancel context.CancelCauseFunc, out io.Writer, body io.Reader, f hubFile, have int64) error {
	stalled := fmt.Errorf("nothing came for %v", c.patience)
	watch := time.AfterFunc(c.patience, func() { cancel(stalled) })
	defer watch.Stop()
	buf, told := make([]byte, 1<<18), time.Now()
	for {
		n, err := body.Read(buf)
		watch.Reset(c.patience)
		if n > 0 {
			if _, werr := out.Write(buf[:n]); werr != nil {
				return werr
			}
			have += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF) && have >= f.Size:
			return nil
		case err != nil:
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return &truncated{have, f.Size, err}
		}
		if time.Since(told) > 5*time.Second {
			c.store.logf("%s: %s of %s", f.Name, size(have), size(f.Size))
			told = time.Now()
		}
	}
}

// verify holds a finished download against the hub's digest of it.
func verify(path string, f hubFile) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	h := f.digest()
	n, err := io.Copy(h, in)
	if err != nil {
		return err
	}
	if n != f.Size {
		return fmt.Errorf("arrived damaged: %d bytes, the hub says %d; removed, try again", n, f.Size)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != f.etag() {
		return fmt.Errorf("arrived damaged: its digest is %s, the hub says %s; removed, try again", got, f.etag())
	}
	return nil
}

// escaped escapes each element of a slash-separated path for a URL.
func escaped(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
