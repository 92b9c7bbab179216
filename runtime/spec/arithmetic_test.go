package spec

import (
	"math"
	"slices"
	"testing"
)

func TestStepsFor(t *testing.T) {
	for _, c := range []struct {
		train Train
		n     int
		want  int
	}{
		{Train{Batch: 64, Epochs: 1}, 640, 10},
		{Train{Batch: 64, Epochs: 1}, 641, 11}, // nothing is left out
		{Train{Batch: 64, Epochs: 0.5}, 640, 5},
		{Train{Batch: 64, Epochs: 1}, 3, 1},
		{Train{Batch: 8, Epochs: 2.5}, 96, 30},
		{Train{Batch: 8, Epochs: 1, Steps: 30}, 96, 30},
		{Train{Batch: 8, Epochs: 1}, 0, 0},
	} {
		if got := c.train.StepsFor(c.n); got != c.want {
			t.Errorf("%+v over %d examples: %d steps, want %d", c.train, c.n, got, c.want)
		}
	}
}

// Every example of an epoch is in exactly one step, and steps follow without a gap.
func TestExamplesCoverTheRun(t *testing.T) {
	for _, train := range []Train{{Batch: 7, Epochs: 2}, {Batch: 7, Epochs: 0.3}, {Batch: 7, Steps: 9}} {
		const n = 50
		next := 0
		for step := range train.StepsFor(n) {
			from, to := train.Examples(step, n)
			if from != next || to <= from || to-from > train.Batch {
				t.Fatalf("%+v step %d takes [%d, %d), and the next is %d", train, step, from, to, next)
			}
			next = to
		}
		if next != train.examples(n) {
			t.Errorf("%+v ends at %d of %d", train, next, train.examples(n))
		}
	}
}

// TRL 1.16's trajectory (shared/conformance/trl_bt): peak 5e-4, 30 steps, 4 of
// warm-up, cosine to 0; its rates at steps 0 to 4.
func TestRateIsThatOfTransformers(t *testing.T) {
	train := Train{Optimizer: Optimizer{LR: 5e-4}, Schedule: Schedule{Kind: "cosine", Warmup: 4}}
	for step, want := range []float64{0, 0.000125, 0.00025, 0.000375, 0.0005} {
		if got := train.Rate(step, 30); got != want {
			t.Errorf("step %d: rate %g, want %g", step, got, want)
		}
	}
	if got := train.Rate(17, 30); math.Abs(got-2.5e-4) > 1e-18 {
		t.Errorf("half way down: %g, want %g", got, 2.5e-4)
	}
	if got := train.Rate(30, 30); got != 0 {
		t.Errorf("at the end: %g", got)
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		schedule Schedule
		step     int
		want     float64
	}{
		{Schedule{Kind: "linear"}, 25, 0.75},
		{Schedule{Kind: "linear", Floor: 0.2}, 100, 0.2},
		{Schedule{Kind: "cosine", Floor: 0.2}, 100, 0.2},
		{Schedule{Kind: "constant"}, 99, 1},
		{Schedule{Kind: "constant", Warmup: 0.1}, 5, 0.5},
		{Schedule{Kind: "constant", Warmup: 10}, 5, 0.5},
	} {
		if got := c.schedule.factor(c.step, 100); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%+v at step %d of 100: %g, want %g", c.schedule, c.step, got, c.want)
		}
	}
	if got := (Schedule{Warmup: 0.03}).WarmupSteps(101); got != 4 {
		t.Errorf("3%% of 101 steps is %d, want 4: rounded up as transformers does", got)
	}
}

func TestMicroFor(t *testing.T) {
	train := Train{Batch: 64}
	for _, c := range []struct{ sequences, bucket, ways, want int }{
		{2, 128, 1, 4}, {2, 256, 1, 2}, {2, 512, 1, 1}, {2, 8192, 1, 1}, {2, 128, 4, 16}, {2, 8192, 4, 4}, {1, 32, 1, 32},
	} {
		if got := train.MicroFor(c.sequences, c.bucket, c.ways); got != c.want {
			t.Errorf("MicroFor(%d, %d, %d) = %d, want %d", c.sequences, c.bucket, c.ways, got, c.want)
		}
	}
	if got := (Train{Batch: 64, Micro: 6}).MicroFor(2, 128, 1); got != 6 {
		t.Errorf("the recipe's micro is %d", got)
	}
	if got := (Train{Batch: 6}).MicroFor(2, 32, 1); got != 6 {
		t.Errorf("a forward of %d examples is more than the batch", got)
	}
	if got := (Train{Batch: 3}).MicroFor(1, 32, 2); got != 4 {
		t.Errorf("%d rows cannot be split over 2 devices", got)
	}
	if !train.Accumulates(2, 512, 1) || (Train{Batch: 2}).Accumulates(2, 256, 1) {
		t.Error("a batch accumulates exactly where it is larger than a forward")
	}
}

func TestBuckets(t *testing.T) {
	for _, c := range []struct {
		name    string
		lengths []int
		longest int
		want    []int
	}{
		{"no examples", nil, 100, []int{128}},
		{"one length", []int{50, 60, 64}, 512, []int{64}},
		{"two groups", append(slices.Repeat([]int{20}, 40), 500, 500), 512, []int{32, 512}},
		{"cut to longest", append(slices.Repeat([]int{10}, 40), 5000), 512, []int{32, 512}},
		{"a gain too small for a compile", append(slices.Repeat([]int{512}, 99), 20, 20), 512, []int{512}},
	} {
		if got := Buckets(c.lengths, c.longest); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// No other choice of lengths costs less, compiles included.
func TestBucketsAreTheBest(t *testing.T) {
	var lengths []int
	for i := range 300 {
		lengths = append(lengths, 10+(i*i)%240)
	}
	cost := func(buckets []int) int {
		sum := len(buckets) * BucketCost
		for _, l := range lengths {
			sum += BucketOf(buckets, l)
		}
		return sum
	}
	best := math.MaxInt
	for set := range 1 << 7 { // which of 32, 64, … 224 are there besides 256
		var buckets []int
		for i := range 7 {
			if set>>i&1 == 1 {
				buckets = append(buckets, (i+1)*BucketMultiple)
			}
		}
		best = min(best, cost(append(buckets, 256)))
	}
	if got := Buckets(lengths, 256); cost(got) != best || len(got) < 2 {
		t.Errorf("%v costs %d; the best choice costs %d", got, cost(got), best)
	}
}

func TestPlaced(t *testing.T) {
	m := Model{Shard: []Shard{
		{Pattern: "*.embed_tokens", Axes: []string{"tensor", "fsdp"}},
		{Pattern: "*.layers.0.*", Axes: []string{"none", "fsdp"}},
		{Pattern: "*_proj"},
	}}
	for _, c := range []struct {
		name string
		want []string
		ok   bool
	}{
		{"model.embed_tokens.weight", []string{"tensor", "fsdp"}, true},
		{"model.layers.0.self_attn.q_proj.weight", []string{"", "fsdp"}, true},
		{"model.layers.1.self_attn.q_proj.weight", nil, false}, // auto
		{"model.norm.weight", nil, false},
	} {
		if got, ok := m.Placed(c.name); !slices.Equal(got, c.want) || ok != c.ok {
			t.Errorf("%s: %q %v, want %q %v", c.name, got, ok, c.want, c.ok)
		}
	}
}
