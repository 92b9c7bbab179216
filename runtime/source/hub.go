package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	gohub "github.com/gomlx/go-huggingface/hub"

	"github.com/rmc-lang/rmc/runtime/disk"
)

// hub finds r in the hub's cache or downloads it there, in the layout that
// huggingface_hub and transformers use: blobs/, snapshots/<commit>/, refs/.
func (s *Store) hub(ctx context.Context, r Ref) (Local, error) {
	var missing error
	for _, kind := range repoKinds(r) {
		repo, err := s.openRepo(kind, r)
		if err != nil {
			return Local{}, err
		}
		l, err := repo.locate(ctx)
		if err == nil {
			return l, nil
		}
		var none *notThere
		if !errors.As(err, &none) {
			return Local{}, err
		}
		missing = errors.Join(missing, err)
	}
	return Local{}, summary(r, missing)
}

// summary says once what was missing as a model and as a data set.
func summary(r Ref, missing error) error {
	var none *notThere
	errors.As(missing, &none)
	if r.Repo != "" || none.offline != "" {
		return none
	}
	return fmt.Errorf("%w (looked for a model and for a data set)", none)
}

// repoKinds is the order in which the two kinds of repository are tried.
func repoKinds(r Ref) []string {
	if r.Repo != "" {
		return []string{r.Repo}
	}
	name := strings.TrimSuffix(r.Path, ".gz")
	for _, ext := range []string{".jsonl", ".parquet", ".csv"} {
		if strings.HasSuffix(name, ext) {
			return []string{datasets, models}
		}
	}
	return []string{models, datasets}
}

// A repository is one hub repository at one revision, and its cache folder.
type repository struct {
	store  *Store
	ref    Ref
	kind   string // models or datasets
	cache  string // the hub's cache
	dir    string // of this repository in it
	client *client
}

func (s *Store) openRepo(kind string, r Ref) (*repository, error) {
	cache, err := s.hubCache()
	if err != nil {
		return nil, err
	}
	return &repository{
		store: s, ref: r, kind: kind, cache: cache, client: newClient(s),
		dir: filepath.Join(cache, repoFolder(kind, r.Name)),
	}, nil
}

func repoFolder(kind, name string) string {
	return kind + "--" + strings.ReplaceAll(name, "/", "--")
}

// hubCache is where huggingface_hub keeps its files.
func (s *Store) hubCache() (string, error) {
	home := os.Getenv("HF_HOME")
	switch {
	case s.HubCache != "":
		return s.HubCache, nil
	case os.Getenv("HF_HUB_CACHE") != "":
		return os.Getenv("HF_HUB_CACHE"), nil
	case home != "":
		return filepath.Join(home, "hub"), nil
	case os.Getenv("XDG_CACHE_HOME") != "":
		return filepath.Join(os.Getenv("XDG_CACHE_HOME"), "huggingface", "hub"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder for the hub's cache: %w; set HF_HOME", err)
	}
	return filepath.Join(user, ".cache", "huggingface", "hub"), nil
}

// endpoint is the hub's address. The public hub's is go-huggingface's to know;
// the library has no accessor for it.
func (s *Store) endpoint() string {
	if s.Endpoint != "" {
		return strings.TrimSuffix(s.Endpoint, "/")
	}
	return reflect.ValueOf(gohub.New("owner/name")).Elem().FieldByName("hfEndpoint").String()
}

func (s *Store) offline() bool {
	env := strings.ToLower(os.Getenv("HF_HUB_OFFLINE"))
	return s.Offline || env == "1" || env == "true" || env == "yes" || env == "on"
}

var (
	commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)
	blobName   = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`) // SHA-1 or SHA-256
)

func (r *repository) revision() string {
	if r.ref.Version == "" {
		return "main"
	}
	return r.ref.Version
}

// locate returns the source from the cache when its commit is known and whole,
// else from the hub, else, when the hub cannot be reached, from the cache.
func (r *repository) locate(ctx context.Context) (Local, error) {
	l, cached := r.cached()
	switch {
	case cached && (commitHash.MatchString(r.revision()) || r.store.offline()):
		return l, nil
	case r.store.offline():
		return Local{}, &notThere{what: fmt.Sprintf("not in the hub's cache %s", r.cache), offline: "; offline, so nothing was fetched"}
	}
	info, err := r.client.info(ctx, r)
	var lost *unreachable
	if cached && errors.As(err, &lost) {
		r.store.logf("%s: %v; using commit %s from %s", r.ref, err, l.Revision, r.cache)
		return l, nil
	}
	if err != nil {
		return Local{}, err
	}
	return r.download(ctx, info)
}

// cached looks for the source in the cache, asking no network.
func (r *repository) cached() (Local, bool) {
	commit := r.revision()
	if !commitHash.MatchString(commit) {
		b, err := os.ReadFile(filepath.Join(r.dir, "refs", commit))
		if err != nil {
			return Local{}, false
		}
		commit = strings.TrimSpace(string(b))
	}
	snapshot := filepath.Join(r.dir, "snapshots", commit)
	l := r.local(snapshot, commit)
	if r.ref.Path != "" {
		return l, exists(l.Path)
	}
	return l, wholeModel(snapshot)
}

func (r *repository) local(snapshot, commit string) Local {
	return Local{
		Path:  filepath.Join(snapshot, filepath.FromSlash(r.ref.Path)),
		IsDir: r.ref.Path == "", Revision: commit, Repo: r.kind,
	}
}

// wholeModel reports whether dir has a config, all its weights and a tokenizer.
func wholeModel(dir string) bool {
	names, err := folderFiles(dir)
	if err != nil || !slices.Contains(names, "config.json") {
		return false
	}
	weights, tokenizer := false, false
	for _, n := range names {
		weights = weights || strings.HasSuffix(n, ".safetensors")
		tokenizer = tokenizer || n == "tokenizer.json" || n == "tokenizer.model" || n == "vocab.json"
		if !exists(filepath.Join(dir, n)) { // a link whose blob is gone
			return false
		}
	}
	return weights && tokenizer
}

// download fetches what the source names and is not in the cache yet.
func (r *repository) download(ctx context.Context, info *repoInfo) (Local, error) {
	snapshot := filepath.Join(r.dir, "snapshots", info.Commit)
	files, err := r.wanted(ctx, info, snapshot)
	if err != nil {
		return Local{}, err
	}
	for _, f := range files {
		if err := r.fetch(ctx, info.Commit, snapshot, f); err != nil {
			return Local{}, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if err := r.remember(info.Commit); err != nil {
		return Local{}, err
	}
	return r.local(snapshot, info.Commit), nil
}

// wanted chooses the files to fetch: the one named, or a model's.
func (r *repository) wanted(ctx context.Context, info *repoInfo, snapshot string) ([]hubFile, error) {
	names := make([]string, len(info.Files))
	for i, f := range info.Files {
		names[i] = f.Name
	}
	if r.ref.Path != "" {
		i := slices.Index(names, r.ref.Path)
		if i < 0 {
			return nil, r.noFile(names)
		}
		return info.Files[i : i+1], nil
	}
	if r.kind == datasets {
		return nil, fmt.Errorf("is a data set: name the file in it: %s", listed(dataFiles(names)))
	}
	index, err := r.index(ctx, info, snapshot)
	if err != nil {
		return nil, err
	}
	picked, err := pickModel(names, index)
	if err != nil {
		return nil, err
	}
	var files []hubFile
	for _, f := range info.Files {
		if slices.Contains(picked, f.Name) {
			files = append(files, f)
		}
	}
	return files, nil
}

// noFile says that the repository lacks the file, and what it has.
func (r *repository) noFile(names []string) error {
	var under []string
	for _, n := range names {
		if strings.HasPrefix(n, r.ref.Path+"/") {
			under = append(under, n)
		}
	}
	if len(under) > 0 {
		return fmt.Errorf("%q is a folder: name one of its files: %s", r.ref.Path, listed(under))
	}
	return &notThere{what: fmt.Sprintf("the repository has no file %q%s", r.ref.Path, didYouMean(r.ref.Path, names))}
}

// index fetches the weights' index, which says what shards there are.
func (r *repository) index(ctx context.Context, info *repoInfo, snapshot string) ([]byte, error) {
	for _, f := range info.Files {
		if f.Name != weightsIndex {
			continue
		}
		if err := r.fetch(ctx, info.Commit, snapshot, f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		return os.ReadFile(filepath.Join(snapshot, f.Name))
	}
	return nil, nil
}

// fetch brings one file into blobs/ and links it into the snapshot.
func (r *repository) fetch(ctx context.Context, commit, snapshot string, f hubFile) error {
	if _, err := inner(f.Name, f.Name); err != nil {
		return err
	}
	if !blobName.MatchString(f.etag()) {
		return fmt.Errorf("the hub (a mirror?) tells no digest of it, so that it could not be verified")
	}
	link := filepath.Join(snapshot, filepath.FromSlash(f.Name))
	if exists(link) {
		return nil
	}
	blob := filepath.Join(r.dir, "blobs", f.etag())
	unlock, err := disk.Lock(ctx, filepath.Join(r.cache, ".locks", filepath.Base(r.dir), f.etag()+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if exists(link) { // another process was first, and may be reading
		return nil
	}
	if !exists(blob) {
		r.store.logf("%s: downloading %s (%s)", r.ref, f.Name, size(f.Size))
		if err := r.client.download(ctx, r.fileURL(commit, f.Name), f, blob); err != nil {
			return err
		}
	}
	return linkBlob(blob, link)
}

func (r *repository) fileURL(commit, name string) string {
	prefix := ""
	if r.kind == datasets {
		prefix = datasets
	}
	return r.store.endpoint() + "/" + escaped(path.Join(prefix, r.ref.Name, "resolve", commit, name))
}

// linkBlob makes link point to blob by a relative path, so that the cache can
// be moved; where links are not to be had it makes a second name for the file.
func linkBlob(blob, link string) error {
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	rel, err := filepath.Rel(filepath.Dir(link), blob)
	if err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) { // a link whose blob was gone
		return err
	}
	if os.Symlink(rel, link) == nil {
		return nil
	}
	return os.Link(blob, link)
}

// remember notes which commit a branch or tag stands for.
func (r *repository) remember(commit string) error {
	if commitHash.MatchString(r.revision()) {
		return nil
	}
	path := filepath.Join(r.dir, "refs", r.revision())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return disk.Write(path, []byte(commit))
}

func dataFiles(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return strings.HasPrefix(n, ".") || strings.HasSuffix(n, ".md")
	})
}

// listed names at most six of names.
func listed(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
