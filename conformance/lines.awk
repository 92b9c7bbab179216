# What go test -v prints, as a line for each comparison, for each test that has
# none, and for what failed or was skipped, with the reason.

/^=== / { test = $3; next }

/ conformance: / { sub(/.* conformance: /, ""); print; fflush(); compared[root(test)] = 1; next }

/^ *--- FAIL/ { printf "FAILED %s\n%s", $3, output[$3]; compared[root($3)] = 1; next }
/^ *--- SKIP/ { why[said[$3]]++; skipped[root($3)]++; next }
/^--- PASS/   { passed[++n] = $3; next }

/^(ok|FAIL|panic)/ { # the end of a package
	for (i = 1; i <= n; i++)
		if (!compared[passed[i]]) printf "%-66s exact  %s\n", passed[i], skipped[passed[i]] ? "ok but for what was skipped" : "ok"
	if (!/^ok/) print
	fflush()
	delete compared; delete skipped; n = 0
	next
}

{
	output[test] = output[test] $0 "\n"
	if (sub(/^ *[a-z_]+_test\.go:[0-9]+: /, "")) said[test] = $0
}

END { for (reason in why) printf "skipped %d: %s\n", why[reason], reason | "sort" }

function root(name) { sub(/\/.*/, "", name); return name }
