// Package backend opens what computes: the XLA plugin where there is one, else
// GoMLX's pure Go backend. It finds the plugin, never downloads it (rmc plugin
// does), and sets the process up so that XLA's temporaries are not paid for in
// page faults.
package backend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"github.com/rmc-lang/rmc/runtime/disk"
)

// The environment variables that Open reads.
const (
	ChoiceEnv = "RMC_BACKEND" // auto | xla | go; empty is auto
	PluginEnv = "RMC_PLUGIN"  // path of a PJRT plugin; empty searches the cache
)

// ErrNoPlugin means that XLA was asked for and no plugin was found.
var ErrNoPlugin = errors.New("no XLA plugin")

// A Backend is an open backend with what a run records about it.
type Backend struct {
	compute.Backend
	Kind    string // xla | go
	Plugin  string // file name of the plugin; empty for go
	Notice  string // why the choice is not the fastest one; empty when it is
	Devices int    // devices that a mesh may use
}

// Open opens the backend that choice names: "xla" or "go", or "" or "auto" for
// XLA when a plugin is found and pure Go, with a Notice, when none is.
func Open(choice string) (*Backend, error) {
	if choice == "" {
		choice = os.Getenv(ChoiceEnv)
	}
	switch choice {
	case "go":
		return openGo("")
	case "xla":
		return openXLA()
	case "", "auto":
		b, err := openXLA()
		if errors.Is(err, ErrNoPlugin) {
			return openGo(fmt.Sprintf("%v; using the pure Go backend, which is 15 to 20 times slower", err))
		}
		return b, err
	}
	return nil, fmt.Errorf("no backend %q: there are auto, xla and go", choice)
}

func openGo(notice string) (*Backend, error) {
	// One operation at a time, each on all workers: operations that run at once can
	// each hold a worker while they wait for another, for ever (compute v0.1.5).
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		return nil, fmt.Errorf("opening the pure Go backend: %w", err)
	}
	return &Backend{Backend: b, Kind: "go", Notice: notice, Devices: 1}, nil
}

// FindPlugin returns the PJRT plugin to load: $RMC_PLUGIN, else the last by
// name of <cache>/pjrt/*.so, where rmc plugin puts it. The error wraps
// ErrNoPlugin when there is none.
func FindPlugin() (string, error) {
	if p := os.Getenv(PluginEnv); p != "" {
		if _, err := os.Stat(p); err != nil {
			return "", fmt.Errorf("$%s: %w", PluginEnv, err)
		}
		return filepath.Abs(p)
	}
	cache, err := disk.Cache()
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrNoPlugin, err)
	}
	dir := filepath.Join(cache, "pjrt")
	found, err := filepath.Glob(filepath.Join(dir, "*.so"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%w in %s (rmc plugin gets one)", ErrNoPlugin, dir)
	}
	sort.Strings(found)
	return found[len(found)-1], nil
}

// malloc keeps glibc from returning XLA's temporaries to the system at each
// step: two million page faults in ten steps, 15 to 25 % of a training step's
// time on two cores. XLA's own allocator on the CPU is malloc.
const malloc = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.top_pad=2147483648:" +
	"glibc.malloc.trim_threshold=17179869184:glibc.malloc.arena_max=1"

// tuned returns env with the malloc settings, and whether it had to add them.
// A user's own GLIBC_TUNABLES are left alone.
func tuned(env []string) ([]string, bool) {
	for _, kv := range env {
		if strings.HasPrefix(kv, "GLIBC_TUNABLES=") {
			return env, false
		}
	}
	return append(env[:len(env):len(env)], "GLIBC_TUNABLES="+malloc), true
}
