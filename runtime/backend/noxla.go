//go:build !(((linux && (amd64 || arm64)) || (darwin && arm64)) && !noxla)

package backend

import "fmt"

func openXLA() (*Backend, error) {
	return nil, fmt.Errorf("%w: this program was built with --backend go", ErrNoPlugin)
}

// TuneProcess does nothing: the settings are for XLA.
func TuneProcess() {}
