package rundir

import (
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestContractNamesTheFieldThatDiffers(t *testing.T) {
	m := spec.Model{Base: "file:m", DType: "float32", Head: spec.Head{Kind: "linear", Outputs: 1, Read: "last_token", Layer: -1}}
	d := spec.Data{MaxLength: 512, OverLength: "drop"}
	then := NewContract(m, d).Seal()
	if len(then.Hash) != 64 {
		t.Errorf("contract = %+v", then)
	}
	if err := then.Check(NewContract(m, d).Seal()); err != nil {
		t.Errorf("equal contracts: %v", err)
	}
	d.MaxLength, m.Head.Layer = 256, 4
	err := then.Check(NewContract(m, d).Seal())
	if err == nil {
		t.Fatal("a shorter max_length went unnoticed")
	}
	for _, want := range []string{"max_length was 512 in training and is 256 now", "layer=-1", "layer=4"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "dtype") {
		t.Errorf("%q names a field that is equal", err)
	}
}

// A contract holds the digest of what the lock pins for this base alone, be it
// one file or several.
func TestLockedDigest(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	text := "data file:m sha256:" + b + " 1\nmodel file:m sha256:" + a + " 3\nmodel file:mm/x sha256:" + b + " 3\n" +
		"model hf:o/n@v/config.json sha256:" + a + " 1\nmodel hf:o/n@v/model.safetensors sha256:" + b + " 1\n"
	for base, want := range map[string]string{
		"file:m": a, "file:mm/x": b, "file:nothing": "",
		"hf:o/n": disk.Digest(a + " hf:o/n@v/config.json\n" + b + " hf:o/n@v/model.safetensors\n"),
	} {
		if got, err := BaseDigest(text, base); err != nil || got != want {
			t.Errorf("%s is locked as %q, %v; want %q", base, got, err, want)
		}
	}
	if _, err := BaseDigest("model file:m sha256:abc 3\n", "file:m"); err == nil || !strings.Contains(err.Error(), "rmc.lock:1") {
		t.Errorf("a broken lock: %v", err)
	}
}
