package measure

import (
	"fmt"
	"math"
)

// Share formats a proportion as per cent; "–" where there is none.
func Share(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}
