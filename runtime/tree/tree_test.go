package tree

import "testing"

func TestSmoke(t *testing.T) {}
