package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/source"
)

// A pluginCommand gets the library that trainers compute with.
type pluginCommand struct{}

// The XLA CPU plugin: the wheel holds XLA as built for jaxlib 0.11.2 (PJRT API
// 0.115, Apache-2.0). Trainers look for it in <cache>/pjrt.
const (
	pluginSource   = "pypi:lammps-jax-pjrt-cpu==0.11.2/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so"
	pluginSHA256   = "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2"
	pluginPlatform = "linux/amd64"
)

// Run fetches the plugin through pip, once, and checks its digest.
func (p *pluginCommand) Run(c *console) error {
	cache, err := disk.Cache()
	if err != nil {
		return err
	}
	target := filepath.Join(cache, "pjrt", filepath.Base(pluginSource))
	if _, err := os.Stat(target); err == nil {
		fmt.Fprintln(c.out, target)
		return nil
	}
	if here := runtime.GOOS + "/" + runtime.GOARCH; here != pluginPlatform {
		return fmt.Errorf("rmc knows a plugin for %s only, and this is %s; name one with RMC_PLUGIN=FILE, or build with --backend go", pluginPlatform, here)
	}
	ref, err := source.Parse(pluginSource)
	if err != nil {
		panic(err) // the constant above
	}
	store := source.Store{Log: func(msg string) { c.note("%s", msg) }}
	local, err := store.Fetch(context.Background(), ref)
	if err != nil {
		return fmt.Errorf("the XLA plugin: %w; without one, build with --backend go", err)
	}
	if got := local.Files[0].SHA256; got != pluginSHA256 {
		return fmt.Errorf("the XLA plugin %s has sha256 %s, not the %s that was tried; it is not used", local.Path, got, pluginSHA256)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.Rename(local.Path, target); err != nil {
		return err
	}
	fmt.Fprintln(c.out, target)
	return nil
}
