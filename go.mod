module github.com/rmc-lang/rmc

go 1.26.5

require (
	github.com/agnivade/levenshtein v1.2.2 // "did you mean": lang/diag, runtime/source, runtime/data
	github.com/alecthomas/kong v1.17.0 // command lines: cmd/rmc, runtime/trainer
	github.com/alecthomas/participle/v2 v2.1.4 // the grammar: lang/parse alone
	github.com/cenkalti/backoff/v5 v5.0.3 // growing pauses between tries of a request, answers that came broken among them: runtime/judge alone
	github.com/dave/jennifer v1.7.1 // generated Go: compiler/emit alone
	github.com/gofrs/flock v0.13.0 // locks between processes: runtime/disk alone
	github.com/gomlx/compute v0.1.5 // backends, types and meshes under GoMLX: runtime/{backend,op,model,trainer}
	github.com/gomlx/go-huggingface v0.4.2 // quantised GGUF tensors: runtime/model; the hub's address: runtime/source
	github.com/gomlx/go-xla v0.4.4 // the XLA backend: runtime/backend alone
	github.com/gomlx/gomlx v0.28.5 // graphs, gradients and tensors: runtime/{op,model,trainer}
	github.com/nikolalohinski/gonja/v2 v2.9.1 // the parser of chat templates: runtime/text/jinja alone
	github.com/parquet-go/parquet-go v0.32.0 // parquet files: runtime/data alone
	github.com/rogpeppe/go-internal v1.16.0 // rmc fmt -diff; txtar and scripts in tests
	github.com/schollz/progressbar/v3 v3.19.1 // the bar of a training on a terminal: runtime/trainer alone
	golang.org/x/term v0.44.0 // whether a stream is a terminal: cmd/rmc, runtime/trainer
	golang.org/x/text v0.35.0 // Unicode normal forms and upper case: runtime/text
	gonum.org/v1/gonum v0.17.0 // linear algebra and correlations: runtime/fit; means and quantiles: runtime/tree
	gonum.org/v1/plot v0.15.2 // curves and histograms as SVG: runtime/report alone
)

require (
	codeberg.org/go-fonts/liberation v0.5.0 // indirect
	codeberg.org/go-latex/latex v0.1.0 // indirect
	codeberg.org/go-pdf/fpdf v0.10.0 // indirect
	git.sr.ht/~sbinet/gg v0.6.0 // indirect
	github.com/ajstarks/svgo v0.0.0-20211024235047-1546f124cd8b // indirect
	github.com/andybalholm/brotli v1.2.0 // indirect
	github.com/campoy/embedmd v1.0.0 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/compress v1.18.5 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/parquet-go/bitpack v1.0.0 // indirect
	github.com/parquet-go/jsonlite v1.5.0 // indirect
	github.com/pierrec/lz4/v4 v4.1.26 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/pmezard/go-difflib v1.0.1-0.20181226105442-5d4384ee4fb2 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/twpayne/go-geom v1.6.1 // indirect
	golang.org/x/exp v0.0.0-20260410095643-746e56fc9e2f // indirect
	golang.org/x/image v0.26.0 // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/tools v0.44.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
	k8s.io/klog/v2 v2.140.0 // indirect
)
