# Says in a line what BenchmarkEmbed of runtime/trainer measured.
/^BenchmarkEmbed/ {
	for (i = 3; i < NF; i += 2) v[$(i + 1)] = $i
	printf "hidden states of %d texts, tokens/s: rmc %d, transformers in batches of 8 padded to the longest %d, ratio %.2f (%.2f of processor time), max |Δ| %.1e\n", \
		v["texts"], v["tokens/s"], v["transformers-tokens/s"], v["ratio"], v["cpu-ratio"], v["max-delta"]
	found = 1
}
END { if (!found) { print "nothing was measured; the lines above say why"; exit 1 } }
