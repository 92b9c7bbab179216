# What go test -v prints, as a line for each comparison, for each test that has
# none, and for what was skipped or failed, with the reason.

/^=== / { test = $3; next }

/ conformance: / { sub(/.* conformance: /, ""); print; fflush(); compared[root(test)] = 1; next }

/^ *--- SKIP/ { printf "skipped %s: %s\n", $3, said[$3]; compared[root($3)] = 1; next }
/^ *--- FAIL/ { printf "FAILED %s\n%s", $3, output[$3]; next }
/^--- PASS/   { if (!compared[$3]) printf "%-66s exact  ok\n", $3; fflush(); next }
/^(FAIL|panic|ok)/ { if (!/^ok/) print; delete compared; next } # of a package

{
	output[test] = output[test] $0 "\n"
	if (sub(/^ *[a-z_]+_test\.go:[0-9]+: /, "")) said[test] = $0
}

function root(name) { sub(/\/.*/, "", name); return name }
