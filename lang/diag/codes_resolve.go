package diag

import "strings"

// The codes of names, fields and declarations, R01xx.
const (
	UnknownField       Code = "R0101"
	UnknownDeclaration Code = "R0102"
	UnknownKind        Code = "R0103"
	UnknownModel       Code = "R0104"
	UnknownData        Code = "R0105"
	UnknownObjective   Code = "R0106"
	DuplicateField     Code = "R0107"
	DuplicateName      Code = "R0108"
	MissingField       Code = "R0109"
	ContestedField     Code = "R0110"
	FieldNotOfKind     Code = "R0111"
	MissingLibrary     Code = "R0112"
	NotSupported       Code = "R0113"
	NoRecipe           Code = "R0114"
	MissingPart        Code = "R0115"
	ExtraPart          Code = "R0116"
	Misplaced          Code = "R0117"
	RecipeUsed         Code = "R0118"
	NotInLibrary       Code = "R0119"
	UnknownPath        Code = "R0120"
	BadOverride        Code = "R0121"
	UnknownPart        Code = "R0122"
	DuplicateStage     Code = "R0123"
	UnknownAxis        Code = "R0124"
	Unused             Code = "R0125"
	OtherKind          Code = "R0126"
	UsedBefore         Code = "R0127"
	UnknownAttribute   Code = "R0128"
	UnknownSuite       Code = "R0129"
)

// The codes of values and of what values mean together, R02xx.
const (
	WrongType      Code = "R0201"
	MissingUnit    Code = "R0202"
	WrongUnit      Code = "R0203"
	UnknownUnit    Code = "R0204"
	NotAChoice     Code = "R0205"
	OutOfRange     Code = "R0206"
	WrongLength    Code = "R0207"
	DuplicateItem  Code = "R0208"
	BadSource      Code = "R0209"
	NothingTrained Code = "R0210"
	DataKind       Code = "R0211"
	NoHoldout      Code = "R0212"
	MeshShape      Code = "R0213"
	StepsAndEpochs Code = "R0214"
	WarmupTooLong  Code = "R0215"
	BadBuckets     Code = "R0216"
	BadMicro       Code = "R0217"
	Untrained      Code = "R0218"
	FitUnread      Code = "R0219"
	AttributeAxis  Code = "R0220"
	RewardStage    Code = "R0221"
	NotAscending   Code = "R0222"
	BadEndpoint    Code = "R0223"
	BadSuite       Code = "R0224"
	NotAsked       Code = "R0225"
	MissingPrompt  Code = "R0226"
	WhoAnswers     Code = "R0227"
)

// The examples below are this recipe with one change.
const (
	headPart = `-- recipe.rmr --
recipe example

use std/preference

model rm: reward {
  base = "file:model"
  tune = head
}

data prefs: preference {
  source      = "file:pairs.jsonl"
  max_length  = 512 tokens
  over_length = drop
  split       = holdout { fraction = 10% }
}

`
	trainPart = `train rm on prefs {
  objective = bradley_terry
  batch     = 32 pairs
}

`
	evaluatePart = `evaluate rm on prefs.holdout
`
)

// example is the recipe with the first old replaced by new.
func example(old, new string) string {
	return strings.Replace(headPart+trainPart+evaluatePart, old, new, 1)
}

// The examples of fits are this recipe with one change.
const fitted = `-- recipe.rmr --
recipe example

model backbone: encoder { base = "file:model" }

data ratings: ratings {
  source      = "file:rated.jsonl"
  attributes  = [helpfulness, verbosity]
  missing     = mask
  over_length = drop
  split       = holdout { fraction = 10% }
}

data prefs: preference {
  source      = "file:pairs.jsonl"
  over_length = drop
  split       = holdout { fraction = 10% }
}

fit probe = ridge on backbone(ratings)

fit debias = decorrelate on probe(prefs) { from = verbosity }

fit tree = tree on debias(probe(prefs))

reward judge = tree

evaluate judge on prefs.holdout
`

// The examples of questions are this recipe with one change.
const asked = `-- recipe.rmr --
recipe example

model pm: policy { base = "file:model" }

data prefs: preference {
  source      = "file:pairs.jsonl"
  max_length  = 512 tokens
  over_length = drop
  split       = holdout { fraction = 10% }
}

data more: preference { source = "file:more.jsonl", over_length = drop, split = none }

data pairs: labels { from = compare { data = [prefs] }, max_length = 512 tokens, over_length = drop }

objective f on labels { loss = mean(-sum(gold * logprob(conversation), over label), over row, over step) }

train pm on pairs { objective = f }

label judged = model on more { scorer = pm }

data all: labels { from = compare { data = [prefs, judged] }, max_length = 512 tokens, over_length = drop }

train pm on all as again { objective = f, from = base }
`

// asking is the recipe of questions with the first old replaced by new.
func asking(old, new string) string { return strings.Replace(asked, old, new, 1) }

// fitExample is the recipe of fits with the first old replaced by new.
func fitExample(old, new string) string { return strings.Replace(fitted, old, new, 1) }

// resolveEntries are the problems of names, fields, values and units R01xx–R02xx.
func resolveEntries() []Entry {
	return []Entry{{
		Code:  UnknownField,
		Title: "a field that does not exist",
		Explain: `A declaration, or a value with braces, has the fields that "rmc explain" lists for it and no others. Trainers that
ignore unknown names train for hours with a misspelt setting left at its default.

A field of a nested value is written inside its braces: the learning rate is optimizer = adamw { lr = 1e-5 }.`,
		Example: example("max_length  =", "max_lenght  ="),
	}, {
		Code:  UnknownDeclaration,
		Title: "a keyword that begins no declaration",
		Explain: `A recipe is made of model, data, objective, fit, label, train, reward, evaluate, suite, repeat, mesh and shard declarations,
after its recipe and use lines.`,
		Example: example("data prefs:", "dataset prefs:"),
	}, {
		Code:  UnknownKind,
		Title: "a kind that does not exist",
		Explain: `The word after a declaration's colon, and the word before the braces of a value, name one of a few kinds. Each kind has
fields of its own.`,
		Example: example("tune = head", "tune = lore"),
	}, {
		Code:    UnknownModel,
		Title:   "a model, fit or reward that no declaration names",
		Explain: `train, evaluate, fit and shard name what the recipe declares. Where a model's declaration stands does not matter.`,
		Example: example("evaluate rm on", "evaluate mr on"),
	}, {
		Code:    UnknownData,
		Title:   "data that no declaration names",
		Explain: `train and evaluate name data that the recipe declares. Where the declaration stands does not matter.`,
		Example: example("evaluate rm on prefs.holdout", "evaluate rm on pref.holdout"),
	}, {
		Code:  UnknownObjective,
		Title: "an objective that is declared nowhere",
		Explain: `An objective is declared in the recipe or in a file that it uses. "use std/preference" brings those of the standard
library; none is built in.`,
		Example: example("objective = bradley_terry", "objective = bradly_terry"),
	}, {
		Code:    DuplicateField,
		Title:   "a field that is set twice",
		Explain: `Each field may be set once. Of two values one would be ignored, and nobody could say which was meant.`,
		Example: example("  batch     = 32 pairs\n", "  batch     = 32 pairs\n  batch     = 64 pairs\n"),
	}, {
		Code:  DuplicateName,
		Title: "a name that is declared twice",
		Explain: `Models, fits and rewards are known by their names, and so are data and the labels that make some, and objectives. An
objective of the recipe may not have the name of one in a file that it uses either: which of them a stage meant would
depend on where a reader looks first.`,
		Example: example("train rm on prefs {", "model rm: reward { base = \"file:other\" }\n\ntrain rm on prefs {"),
	}, {
		Code:    MissingField,
		Title:   "a required field that is not set",
		Explain: `Some fields have no default because nothing would be a sensible one: where a model comes from, what a stage minimises.`,
		Example: example("  base = \"file:model\"\n", ""),
	}, {
		Code:  ContestedField,
		Title: "a policy that must be written because trainers disagree about it",
		Explain: `For a few questions every trainer has another answer, and each changes the result: what happens to sequences that are too
long, and what is held out. A default would make two recipes look alike that train differently. The note says what
others do.`,
		Example: example("  over_length = drop\n", ""),
	}, {
		Code:  FieldNotOfKind,
		Title: "a field of another kind",
		Explain: `The field exists, and the kind that was chosen has no use for it: a head-only training has no rank. It would have no
effect, so it is refused.`,
		Example: example("tune = head", "tune = head { rank = 16 }"),
	}, {
		Code:  MissingLibrary,
		Title: "a file that cannot be read",
		Explain: `use std/NAME reads a file of the standard library; any other path is of a file beside the one that uses it, without
its .rmr.`,
		Example: example("use std/preference", "use std/preference\nuse std/preferences"),
	}, {
		Code:    NotSupported,
		Title:   "a part of the language that this version does not have",
		Explain: `The language has more than this version of rmc compiles. What it does not compile it refuses, rather than leave it out.`,
		Example: example("  tune = head\n", "  tune = head\n  head = mlp\n"),
	}, {
		Code:  NoRecipe,
		Title: "a file without a recipe line",
		Explain: `A recipe says its name in its first line: recipe NAME. The name is that of the trainer's run directory. A file without
it is a library, which other files use.`,
		Example: example("recipe example\n", ""),
	}, {
		Code:    MissingPart,
		Title:   "a declaration without one of its parts",
		Explain: `A declaration has the parts that its form shows: a model has a name and a kind, a stage says on which data it works.`,
		Example: example("model rm: reward {", "model rm {"),
	}, {
		Code:    ExtraPart,
		Title:   "a declaration with a part that it does not take",
		Explain: `A declaration has the parts that its form shows and no others.`,
		Example: example("model rm: reward {", "model rm: reward on prefs {"),
	}, {
		Code:    Misplaced,
		Title:   "a let, a report or a declaration where only fields stand",
		Explain: `let and report are parts of an objective. Declarations stand side by side at the top of a recipe, not in one another.`,
		Example: example("  max_length  = 512 tokens\n", "  max_length  = 512 tokens\n  let d = 1\n"),
	}, {
		Code:  RecipeUsed,
		Title: "a recipe that is used as a library",
		Explain: `A file that others use declares objectives and has no recipe line. To share objectives between two recipes move them to a
file of their own.`,
		Example: example("use std/preference", "use std/preference\nuse other") + "-- other.rmr --\nrecipe other\n\nobjective mine on preference {\n  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))\n}\n",
	}, {
		Code:    NotInLibrary,
		Title:   "a declaration that a library may not have",
		Explain: `A library declares objectives. Models, data and stages belong to the recipe, so that it says the whole experiment.`,
		Example: example("use std/preference", "use std/preference\nuse other") + "-- other.rmr --\nmesh { devices = 4 }\n",
	}, {
		Code:  UnknownPath,
		Title: "an override of something that the recipe does not have",
		Explain: `--set takes the path of a value as "rmc render" prints it: the keyword, the name of the declaration, the field, and the
field within that. Only what the recipe declares can be overridden.`,
		Example: example("", "") + "-- set --\ntrain.mr.optimizer.lr=1e-5\n",
	}, {
		Code:    BadOverride,
		Title:   "an override that is no path and value",
		Explain: `--set takes PATH=VALUE, the value in recipe syntax: --set train.rm.optimizer.lr=1e-5, --set "train.rm.batch=32 pairs".`,
		Example: example("", "") + "-- set --\ntrain.rm.epochs\n",
	}, {
		Code:    UnknownPart,
		Title:   "a part of data that does not exist",
		Explain: `An evaluation works on prefs.holdout, what the split held out, on prefs.train, the rest, or on prefs.all.`,
		Example: example("prefs.holdout", "prefs.heldout"),
	}, {
		Code:  DuplicateStage,
		Title: "two stages of one name",
		Explain: `A stage is called as its model. A second stage on the same model needs a name of its own, for its overrides, its place in
the run directory and its results: evaluate rm on prefs.train as seen.`,
		Example: example("evaluate rm on prefs.holdout", "evaluate rm on prefs.holdout\n\nevaluate rm on prefs.train"),
	}, {
		Code:    UnknownAxis,
		Title:   "an axis that the mesh does not have",
		Explain: `A shard gives each dimension of a parameter an axis of the mesh: fsdp, tensor, or none for a dimension that is not split.`,
		Example: example("train rm on prefs {", "shard rm { \"*.q_proj\" = [tensor, data] }\n\ntrain rm on prefs {"),
	}, {
		Code: Unused, Severity: Warning,
		Title:   "a declaration that no stage uses",
		Explain: `The declaration has no effect. Often a stage names another one by mistake.`,
		Example: example("train rm on prefs {", "model other: reward { base = \"file:other\" }\n\ntrain rm on prefs {"),
	}, {
		Code:  OtherKind,
		Title: "the name of something else than is wanted",
		Explain: `The name is declared, and stands for something that cannot be meant here. A tree reads attributes, which a probe gives, or
a transform of a probe; what is trained is a reward model or a small network, and not an encoder.`,
		Example: fitExample("tree on debias(probe(prefs))", "tree on debias(prefs)"),
	}, {
		Code:  UsedBefore,
		Title: "a fit, a label or a reward that is used before it is made",
		Explain: `Stages run in the order in which they are written. A fit that reads another stands below it, and so does a training whose
objective calls it, and whatever reads data that is made of what a label makes. Two fits or data sets that are made of each
other have no order at all.`,
		Example: fitExample("fit probe = ridge on backbone(ratings)\n\nfit debias = decorrelate on probe(prefs) { from = verbosity }\n", "fit debias = decorrelate on probe(prefs) { from = verbosity }\n\nfit probe = ridge on backbone(ratings)\n"),
	}, {
		Code:    UnknownAttribute,
		Title:   "an attribute that the ratings do not have",
		Explain: `The attributes of a probe are those that its ratings declare, and a transform on it takes out one of them.`,
		Example: fitExample("from = verbosity", "from = verbosty"),
	}, {
		Code:  UnknownSuite,
		Title: "a suite that no library in use declares",
		Explain: `A suite says how a benchmark makes numbers of scores. "use std/rewardbench" brings one, and a recipe may declare its own:
suite NAME on preference { … }.`,
		Example: example("use std/preference", "use std/preference\nuse std/rewardbench") + "\nevaluate rm on prefs.all as bench { suite = rewardbnch }\n",
	}, {
		Code:  WrongType,
		Title: "a value of another kind than the field takes",
		Explain: `Each field takes a number, a quoted text, a name, a list, or a name with fields in braces, as "rmc explain" says. Names
of choices have no quotes; sources and columns have.`,
		Example: example("batch     = 32 pairs", "batch     = \"32\""),
	}, {
		Code:    MissingUnit,
		Title:   "a number without its unit",
		Explain: `Where a number could be of several things its unit is written: 512 tokens, 64 pairs, 3%.`,
		Example: example("512 tokens", "512"),
	}, {
		Code:    WrongUnit,
		Title:   "a number in the wrong unit",
		Explain: `The unit exists and is not that of the field. A batch is counted in pairs, a length in tokens.`,
		Example: example("512 tokens", "512 pairs"),
	}, {
		Code:    UnknownUnit,
		Title:   "a unit that does not exist",
		Explain: `The units are tokens, pairs, rows, steps, epochs, % and GiB; each field takes one or two of them.`,
		Example: example("512 tokens", "512 tokns"),
	}, {
		Code:    NotAChoice,
		Title:   "a value that is none of a field's choices",
		Explain: `The field takes one of a few names.`,
		Example: example("over_length = drop", "over_length = truncate"),
	}, {
		Code:    OutOfRange,
		Title:   "a number that is too small or too large",
		Explain: `The field has bounds beyond which it means nothing: a batch has at least one pair, a hold-out is a share of the data.`,
		Example: example("batch     = 32 pairs", "batch     = 0 pairs"),
	}, {
		Code:    WrongLength,
		Title:   "a list of another length than the field takes",
		Explain: `The field takes a fixed number of values, such as the two betas of AdamW.`,
		Example: example("batch     = 32 pairs", "optimizer = adamw { betas = [0.9] }"),
	}, {
		Code:    DuplicateItem,
		Title:   "a value that is in a list twice",
		Explain: `The second one has no effect.`,
		Example: example("tune = head", "tune = lora { on = [q_proj, v_proj, q_proj] }"),
	}, {
		Code:  BadSource,
		Title: "a source that does not say where it comes from",
		Explain: `Everything that is read has a scheme: file: for a path beside the recipe, hf: for a repository on the hub, pypi: for a file
in a package. A bare name could be any of them.`,
		Example: example("\"file:pairs.jsonl\"", "\"pairs.jsonl\""),
	}, {
		Code:    NothingTrained,
		Title:   "a recipe that trains nothing",
		Explain: `A recipe is compiled to a trainer, so it has at least one train or fit declaration.`,
		Example: example(trainPart, ""),
	}, {
		Code:  DataKind,
		Title: "data of another kind than what works on it wants",
		Explain: `Data is put together with data of its kind alone. An objective is declared on a kind of data, whose views it names: chosen and rejected are those of preference. It cannot
work on data of another kind. A probe learns from ratings; a transform, a tree and a label work on preferences.`,
		Example: example("data prefs: preference", "data prefs: ranking"),
	}, {
		Code:    NoHoldout,
		Title:   "an evaluation of a hold-out that does not exist",
		Explain: `The data's split is none, so that all of it is trained on, and an evaluation on its holdout would measure nothing.`,
		Example: example("split       = holdout { fraction = 10% }", "split       = none"),
	}, {
		Code:    MeshShape,
		Title:   "a mesh whose axes do not make up its devices",
		Explain: `fsdp × tensor is the number of devices. fsdp may be left out: it is then devices / tensor.`,
		Example: example("train rm on prefs {", "mesh { devices = 4, tensor = 3 }\n\ntrain rm on prefs {"),
	}, {
		Code:  StepsAndEpochs,
		Title: "a training whose length is said twice",
		Explain: `steps and epochs both say how long to train, and one of them would be ignored. An override with --set takes precedence
without complaint.`,
		Example: example("  batch     = 32 pairs\n", "  batch     = 32 pairs\n  steps     = 100\n  epochs    = 2\n"),
	}, {
		Code:    WarmupTooLong,
		Title:   "a warm-up that is as long as the training",
		Explain: `The learning rate would rise to the end and never reach its peak.`,
		Example: example("  batch     = 32 pairs\n", "  batch     = 32 pairs\n  steps     = 100\n  schedule  = cosine { warmup = 100 steps }\n"),
	}, {
		Code:  BadBuckets,
		Title: "padded lengths that do not hold the data",
		Explain: `Sequences are padded to one of a few lengths, each compiled once. They ascend, and the last holds the longest sequence that
max_length allows. Left out, the plan chooses them from the data.`,
		Example: example("  batch     = 32 pairs\n", "  batch     = 32 pairs\n  buckets   = [128, 256]\n"),
	}, {
		Code:  BadMicro,
		Title: "a forward that is larger than the batch, or that the mesh cannot split",
		Explain: `micro is how many examples go through the model at once, over all devices: at most the batch, and a multiple of the
devices that split it (fsdp). It changes no loss, so it can be left to the plan.`,
		Example: example("  batch     = 32 pairs\n", "  batch     = 32 pairs\n  micro     = 64 pairs\n"),
	}, {
		Code: Untrained, Severity: Warning,
		Title: "a model that is evaluated before it is trained",
		Explain: `Stages run in the order in which they are written. Before its training a new head gives random scores, so that its accuracy
is that of a coin. The trainer measures the start by itself.`,
		Example: example(trainPart+evaluatePart, evaluatePart+trainPart),
	}, {
		Code:  FitUnread,
		Title: "a fit that is computed and never used",
		Explain: `Nothing reads the fit: no objective that a stage trains with, no other fit, no reward and no evaluation. The recipe would
say one method and do another: a reference script of ArmoRM computes the transform that takes verbosity out of the
attributes, and then trains its gate on attributes that still have it.`,
		Example: fitExample("tree on debias(probe(prefs))", "tree on probe(prefs)"),
	}, {
		Code:  AttributeAxis,
		Title: "attributes that are not known, or not the same",
		Explain: `The axis attribute has the elements that the recipe's ratings declare. Where several ratings declare others, or none do,
a network with outputs = attribute says which it means by labels = […]; a transform is called on the attributes that
it was fitted on, and a probe is evaluated on ratings of its own.`,
		Example: fitExample("evaluate judge", "data others: ratings {\n  source      = \"file:others.jsonl\"\n  attributes  = [correctness, helpfulness]\n  missing     = mask\n  over_length = drop\n  split       = none\n}\n\nevaluate probe on others.all\n\nevaluate judge"),
	}, {
		Code:  RewardStage,
		Title: "a reward of an objective that no stage trains with, or several do",
		Explain: `A reward is a let of an objective with the parameters that a training gave it and the model that was trained. Where no
stage trains with the objective there are none; where several do, the reward says on which: reward r = odin.q on STAGE.`,
		Example: example("evaluate rm", "reward best = hinge.s\n\nevaluate rm"),
	}, {
		Code:  NotAscending,
		Title: "numbers to be tried that are not listed from the smallest on",
		Explain: `Of the penalties the first that will do is taken, which is the smallest only where they ascend. The regularisation
strengths are listed in the same order, so that a table of their errors reads from left to right.`,
		Example: fitExample("from = verbosity", "from = verbosity, penalties = [0.5, 0.1]"),
	}, {
		Code:    BadEndpoint,
		Title:   "an endpoint that is no address",
		Explain: `A label asks a server that speaks the protocol of OpenAI's, and is told its base address: http or https, host and path.`,
		Example: example("train rm on prefs {", "label judged = llm on prefs { endpoint = \"127.0.0.1:8000/v1\", model = \"judge\" }\n\ntrain rm on judged {"),
	}, {
		Code:  BadSuite,
		Title: "a suite that counts something twice, or nothing",
		Explain: `A subset is in one section that counts, some section counts, and a rule reads the data that the suite is on: pairs reads
preference, best_of, tied and grid read ranking, first_error reads labels. A section beside the others, weight = 0, may have any
subset.`,
		Example: example("train rm on prefs {", "suite mine on preference {\n  rule = pairs { ties = wrong }\n  a    = mean { of = [easy] }\n  b    = pooled { of = [easy, hard] }\n}\n\ntrain rm on prefs {") + "\nevaluate rm on prefs.all as bench { suite = mine }\n",
	}, {
		Code:  NotAsked,
		Title: "a policy that nobody told how it is asked",
		Explain: `A reward model gives each response a number. A policy is asked which of two is better, in words, and what words is what
it was trained on: labels data with from = compare { … }, in a stage above.`,
		Example: asking("train pm on pairs { objective = f }\n\nlabel judged = model on more { scorer = pm }\n", "label judged = model on more { scorer = pm }\n\ntrain pm on pairs { objective = f }\n"),
	}, {
		Code:  MissingPrompt,
		Title: "a prompt that is not there",
		Explain: `What a label asks is a template in Jinja: a file beside the recipe, prompt = "mine.jinja", or one of the standard library,
prompt = "std/judge_pairwise.jinja". Its text becomes part of the program.`,
		Example: example("train rm on prefs {", "label judged = llm on prefs { endpoint = \"http://127.0.0.1:8000/v1\", model = \"judge\", prompt = \"std/judge_pairwize.jinja\" }\n\ntrain rm on judged {"),
	}, {
		Code:  WhoAnswers,
		Title: "a label that does not say whom it asks, or names two",
		Explain: `A label that wants answers in words asks a server, endpoint = "http://…/v1" with the name that the model has there in quotes,
model = "judge"; or a policy of the recipe, which is named without quotes and needs no server: model = gen.`,
		Example: example("train rm on prefs {", "label judged = llm on prefs { model = \"judge\" }\n\ntrain rm on judged {"),
	}}
}
