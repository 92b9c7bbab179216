package spec

import (
	"fmt"
	"testing"
)

// What a split leaves, a second one with the same seed must be able to divide.
func TestSplitOfASplit(t *testing.T) {
	split := Split{Kind: "holdout", Fraction: 0.2}
	kept, selected := 0, 0
	for i := range 5000 {
		key := fmt.Sprint("prompt ", i)
		if split.HeldOut("", key, 0) {
			continue
		}
		kept++
		if split.HeldOut("select", key, 0) {
			selected++
		}
	}
	if kept < 3900 || kept > 4100 || selected < 700 || selected > 900 {
		t.Errorf("of 5,000 groups %d are left, and of these %d held out; want about 4,000 and 800", kept, selected)
	}
	if (Split{Kind: "none", Fraction: 0.5}).HeldOut("", "a", 0) {
		t.Error("none holds something out")
	}
}
