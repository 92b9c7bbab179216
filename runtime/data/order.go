package data

import "math/bits"

// Order is the order in which an epoch visits n examples: a permutation of 0 to
// n-1 that depends on nothing but its arguments, on any machine and for good.
//
// It is Fisher–Yates from the end, drawing j in [0, i] as the high word of
// (i+1) × the next output of SplitMix64 (Steele, Lea, Flood 2014), whose state
// starts at seed + epoch × 2^64/φ mixed once.
func Order(seed uint64, epoch, n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	state := mix(seed + golden*(uint64(epoch)+1))
	for i := n - 1; i > 0; i-- {
		state += golden
		j, _ := bits.Mul64(uint64(i)+1, mix(state))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// Draw is the example, of n, at a position of a stream that draws each from all
// of them with replacement. Like Order it depends on nothing but its arguments,
// for good: it is the high word of n × the position-th output of SplitMix64,
// whose state starts at the seed mixed after adding half of 2^64/φ.
func Draw(seed uint64, position, n int) int {
	i, _ := bits.Mul64(uint64(n), mix(mix(seed+golden>>1)+golden*(uint64(position)+1)))
	return int(i)
}

// golden is 2^64/φ, odd: SplitMix64's increment.
const golden = 0x9e3779b97f4a7c15

// mix is SplitMix64's output function.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// A Cursor is a place in the endless stream of examples: the next one is
// Position of epoch Epoch's order.
type Cursor struct {
	Epoch    int `json:"epoch"`
	Position int `json:"position"`
}

// A Stream is the order in which training visits its examples: epoch after
// epoch, without a gap between them, so that each optimizer step but perhaps the
// last has a whole batch.
type Stream struct {
	N        int    // examples
	Seed     uint64 // of the order
	Listed   bool   // as in the file instead of shuffled
	Resample bool   // each drawn from all, with replacement: Draw

	epoch int   // of order
	order []int // of that epoch; nil before the first use
}

// Take returns the indices of the next k examples and the cursor after them.
func (s *Stream) Take(c Cursor, k int) ([]int, Cursor) {
	if s.N == 0 {
		return nil, c
	}
	taken := make([]int, 0, k)
	for len(taken) < k {
		if c.Position >= s.N {
			c = Cursor{Epoch: c.Epoch + 1}
		}
		taken = append(taken, s.at(c))
		c.Position++
	}
	return taken, c
}

func (s *Stream) at(c Cursor) int {
	switch {
	case s.Listed:
		return c.Position
	case s.Resample:
		return Draw(s.Seed, c.Epoch*s.N+c.Position, s.N)
	}
	if s.order == nil || s.epoch != c.Epoch {
		s.epoch, s.order = c.Epoch, Order(s.Seed, c.Epoch, s.N)
	}
	return s.order[c.Position]
}
