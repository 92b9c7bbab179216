//go:build ((linux && (amd64 || arm64)) || (darwin && arm64)) && !noxla

package backend

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/gomlx/go-xla/compute/xla"
)

// openXLA loads the plugin that FindPlugin finds. go-xla's own download at
// start-up is switched off: a trainer must not reach for the network unasked.
func openXLA() (*Backend, error) {
	plugin, err := FindPlugin()
	if err != nil {
		return nil, err
	}
	xla.EnableAutoInstall(false)
	b, err := xla.New(plugin)
	if err != nil {
		return nil, fmt.Errorf("loading the XLA plugin %s: %w", plugin, err)
	}
	return &Backend{Backend: b, Kind: "xla", Plugin: filepath.Base(plugin), Devices: int(b.NumDevices())}, nil
}

// TuneProcess starts the program anew with the malloc settings in its
// environment, since glibc reads them before main. It returns where they are
// set already, where there is no plugin to profit, and when the restart fails:
// the settings only save time.
func TuneProcess() {
	if runtime.GOOS != "linux" {
		return
	}
	env, added := tuned(os.Environ())
	if _, err := FindPlugin(); err != nil || !added {
		return
	}
	if self, err := os.Executable(); err == nil {
		_ = syscall.Exec(self, os.Args, env)
	}
}
