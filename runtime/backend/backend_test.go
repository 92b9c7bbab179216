package backend

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAutoFallsBackToGoAndSaysSo(t *testing.T) {
	t.Setenv("RMC_CACHE", t.TempDir())
	t.Setenv(PluginEnv, "")
	t.Setenv(ChoiceEnv, "")
	b, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	if b.Kind != "go" || !strings.Contains(b.Notice, "no XLA plugin") {
		t.Errorf("kind %q, notice %q", b.Kind, b.Notice)
	}
	if _, err := Open("xla"); !errors.Is(err, ErrNoPlugin) {
		t.Errorf("xla without a plugin: %v", err)
	}
	if _, err := Open("cuda"); err == nil || !strings.Contains(err.Error(), "auto, xla and go") {
		t.Errorf("an unknown choice: %v", err)
	}
}

func TestFindPluginTakesTheNewest(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("RMC_CACHE", cache)
	t.Setenv(PluginEnv, "")
	dir := filepath.Join(cache, "pjrt")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cpu-0.11.1.so", "cpu-0.11.2.so"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := FindPlugin()
	if err != nil || filepath.Base(got) != "cpu-0.11.2.so" {
		t.Errorf("FindPlugin() = %q, %v", got, err)
	}
	t.Setenv(PluginEnv, filepath.Join(dir, "absent.so"))
	if _, err := FindPlugin(); err == nil || errors.Is(err, ErrNoPlugin) {
		t.Errorf("a named plugin that is absent must be an error of its own, not a reason to fall back: %v", err)
	}
}

func TestTunedLeavesTheUsersSettings(t *testing.T) {
	env, added := tuned([]string{"A=1"})
	if !added || !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "GLIBC_TUNABLES=glibc.malloc") }) {
		t.Errorf("tuned = %v, %v", env, added)
	}
	if env, added := tuned([]string{"GLIBC_TUNABLES=x"}); added || len(env) != 1 {
		t.Errorf("a user's setting was changed: %v", env)
	}
}
