package typed

import (
	"math"
	"strconv"
	"strings"
)

// Apply evaluates an elementwise function or operator on numbers; bools are 0
// and 1. It is what folding and the interpreter compute with.
func Apply(name string, args []float64) float64 {
	x, y, z := args[0], 0.0, 0.0
	if len(args) > 1 {
		y = args[1]
	}
	if len(args) > 2 {
		z = args[2]
	}
	switch name {
	case "add":
		return x + y
	case "sub":
		return x - y
	case "mul":
		return x * y
	case "div":
		return x / y
	case "pow":
		return math.Pow(x, y)
	case "min":
		return math.Min(x, y)
	case "max":
		return math.Max(x, y)
	case "where":
		if x != 0 {
			return y
		}
		return z
	}
	if v, ok := compare(name, x, y); ok {
		return Truth(v)
	}
	return applyOne(name, x)
}

func compare(name string, x, y float64) (holds, ok bool) {
	switch name {
	case "lt":
		return x < y, true
	case "le":
		return x <= y, true
	case "gt":
		return x > y, true
	case "ge":
		return x >= y, true
	case "eq":
		return x == y, true
	case "ne":
		return x != y, true
	case "and":
		return x != 0 && y != 0, true
	case "or":
		return x != 0 || y != 0, true
	case "not":
		return x == 0, true
	}
	return false, false
}

func applyOne(name string, x float64) float64 {
	switch name {
	case "neg":
		return -x
	case "exp":
		return math.Exp(x)
	case "log":
		return math.Log(x)
	case "sqrt":
		return math.Sqrt(x)
	case "abs":
		return math.Abs(x)
	case "square":
		return x * x
	case "tanh":
		return math.Tanh(x)
	case "sigmoid":
		return 1 / (1 + math.Exp(-x))
	case "log_sigmoid":
		return -softplus(-x)
	case "softplus":
		return softplus(x)
	case "relu":
		return math.Max(x, 0)
	case "stop_gradient":
		return x
	}
	panic("typed: no function " + name)
}

func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// FormatNumber prints a number shortly: 0.03, 1e-5.
func FormatNumber(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	s = strings.Replace(s, "e-0", "e-", 1)
	return strings.Replace(s, "e+0", "e", 1)
}

// Truth is a bool as a number: 1 or 0.
func Truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
