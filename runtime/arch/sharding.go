package arch

import "strings"

// A Placement is how one parameter lies on a mesh with the axes fsdp and tensor.
type Placement struct {
	Axes   []string // per dimension: "fsdp", "tensor", or "" for whole
	Uneven []string // axes the policy wanted but that do not divide the dimension
}

// Sharding places a parameter: matrices that widen (q, k, v, gate, up, and the
// embedding) are split by tensor along their output, those that narrow (o,
// down) along their input, and all of them by fsdp along the other dimension.
// Norms, biases, heads and adapters are small and copied. It is Megatron-LM's
// split with ZeRO-3's across it.
func Sharding(p Param, fsdp, tensor int) Placement {
	place := Placement{Axes: make([]string, len(p.Shape))}
	if len(p.Shape) != 2 || !p.Matrix {
		return place
	}
	ways := map[string]int{"fsdp": fsdp, "tensor": tensor}
	for dim, axis := range policy(p.Name) {
		switch n := ways[axis]; {
		case n <= 1:
		case p.Shape[dim]%n != 0:
			place.Uneven = append(place.Uneven, axis)
		default:
			place.Axes[dim] = axis
		}
	}
	return place
}

// policy is the wanted axis of each of a matrix's two dimensions.
func policy(name string) []string {
	if strings.Contains(name, ".lora_") {
		return nil
	}
	for _, wide := range []string{"embed_tokens", "lm_head", "q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"} {
		if strings.HasSuffix(name, wide+".weight") {
			return []string{"tensor", "fsdp"}
		}
	}
	for _, narrow := range []string{"o_proj", "down_proj"} {
		if strings.HasSuffix(name, narrow+".weight") {
			return []string{"fsdp", "tensor"}
		}
	}
	return nil
}
