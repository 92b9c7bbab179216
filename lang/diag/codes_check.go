package diag

import "strings"

// The codes of objectives: names, types and axes (R03xx), what a stage and its
// models give them (R04xx).
const (
	UnknownValue    Code = "R0301"
	UnknownFunction Code = "R0302"
	WrongArguments  Code = "R0303"
	WrongElement    Code = "R0304"
	AxesNeverMeet   Code = "R0305"
	NoSuchAxis      Code = "R0306"
	MixesExamples   Code = "R0307"
	AxisNotNamed    Code = "R0308"
	RaggedLeft      Code = "R0309"
	UnknownElement  Code = "R0310"
	NotAValue       Code = "R0311"
	NotAView        Code = "R0312"
	UnusedLet       Code = "R0313"
	UnusedParam     Code = "R0314"
	NameTaken       Code = "R0315"
	UsedEarly       Code = "R0316"
	NoLoss          Code = "R0317"
	LossNotReduced  Code = "R0318"
	ReducedTwice    Code = "R0319"
	SumOverBatch    Code = "R0320"
	ReportNotScalar Code = "R0321"
	NoGradient      Code = "R0322"
	HeadUntrained   Code = "R0323"
	UnitInObjective Code = "R0324"
	NotAnExpression Code = "R0325"
	NotInObjective  Code = "R0326"
	NotFinite       Code = "R0327"
	ReducedFirst    Code = "R0328"
	ConstantAlong   Code = "R0329"

	UnknownParam    Code = "R0401"
	MissingArgument Code = "R0402"
	WrongParam      Code = "R0403"
	ParamType       Code = "R0404"
	NotAModel       Code = "R0405"
	SeveralOutputs  Code = "R0406"
	TermNotServed   Code = "R0407"
	UnknownScalar   Code = "R0408"
	WrongTerm       Code = "R0409"
	NotAReward      Code = "R0410"
)

// checkEntries are the problems of types, axes and numerics of objectives R03xx–R04xx.
func checkEntries() []Entry {
	return []Entry{{
		Code:  UnknownValue,
		Title: "a name in an objective means nothing",
		Explain: `A name stands for a parameter, a let above it, a view of the data (chosen, rejected, prompt, candidates), a column or, on
ratings, rating and known. A column has to be listed by the data declaration, columns = named { gap = "gap" }, so
that a misspelt let is not taken for one. margin is the exception: where preference data declares no column of that name it
is 0.`,
		Example: onPairs(`objective f on preference {
  let d = score(chosen) - score(rejected)
  loss = mean(-log_sigmoid(difference * d))
}`),
	}, {
		Code:    UnknownFunction,
		Title:   "a call of something that is no function",
		Explain: `What can be called is a function of the language, a model term such as score, or a let with parameters.`,
		Example: onPairs(`objective f on preference {
  loss = mean(-logsigmoid(score(chosen) - score(rejected)))
}`),
	}, {
		Code:  WrongArguments,
		Title: "a call has too many, too few or the wrong kind of arguments",
		Explain: `Functions take values; reductions also name their axes, as in sum(x, over candidate) or corr(x, y, over pair, over side);
model terms take a view and may name a model, as in score(chosen, model = rm); models and fits that are called by their
names take one argument.`,
		Example: onPairs(`objective f on preference {
  loss = mean(-log_sigmoid(score(chosen), score(rejected)))
}`),
	}, {
		Code:  WrongElement,
		Title: "a bool stands where a number belongs, or the other way round",
		Explain: `A comparison is a bool. mean and sum count how many hold; everywhere else where(c, 1, 0) makes a number of it. The first
argument of where and the operands of && and || are bools; a number becomes one by comparing it.`,
		Example: onPairs(`objective f on preference {
  let d = score(chosen) - score(rejected)
  loss = mean(-log_sigmoid(d)) + mean((d > 0) * d)
}`),
	}, {
		Code:  AxesNeverMeet,
		Title: "two axes that have nothing to do with each other",
		Explain: `Values combine by the names of their axes. The tokens of chosen and those of rejected are different axes, though both are
called token: subtracting them one by one would compare positions of unrelated texts. The same holds for the batches of
two data sets, for attributes of two fits that are not the same, and for the outputs of a head beside attributes.`,
		Example: onPolicy(`objective f on preference {
  loss = mean(sum(logprob(rejected) - logprob(chosen), over token))
}`),
	}, {
		Code:  NoSuchAxis,
		Title: "a reduction over an axis that its argument does not have",
		Explain: `A reduction takes away axes of its argument by name. score(chosen) is real[pair]: it has pair, and nothing else to
reduce; score(responses) has side as well. A single number has no axis at all.`,
		Example: onPairs(`objective f on preference {
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)), over row)
}`),
	}, {
		Code:  MixesExamples,
		Title: "a normalisation over the axis of the batch",
		Explain: `softmax, log_softmax, logsumexp and suffix_logsumexp make their results depend on each other. Over the batch that ties
together examples that only happen to be drawn together: the loss changes with the batch size, and what was meant to be
learnt often is not. The reference script of ArmoRM took its softmax over the wrong axis and its gate silently stayed
constant. Normalise over the axis that is meant: candidate, head, attribute.`,
		Example: onPairs(`objective f on preference {
  let w = softmax(score(prompt), over pair)
  loss = mean(-w * log_sigmoid(score(chosen) - score(rejected)))
}`),
	}, {
		Code:  AxisNotNamed,
		Title: "a reduction does not say over which axis",
		Explain: `over may be left out only where the batch is the argument's one axis. With others beside it, a reader could not tell which
is meant, and neither can the compiler.`,
		Example: onRows(`objective f on ranking {
  loss = mean(logsumexp(score(candidates)) - max(score(candidates), over candidate))
}`),
	}, {
		Code:  RaggedLeft,
		Title: "the batch is reduced before a ragged axis",
		Explain: `A ragged axis, candidate or token, has another length in each example. Reducing the batch first would add the third
candidate of one row to the third of another, and there is not always one. Reduce the ragged axis first.`,
		Example: onRows(`objective f on ranking {
  loss = max(mean(score(candidates), over row), over candidate)
}`),
	}, {
		Code:  UnknownElement,
		Title: "an index names no element of any axis",
		Explain: `x[name] picks one element of a fixed axis by its name, as in heads(x)[quality], gate(x)[helpful] or score(responses)[chosen].
There are no positional indices; views and batches have no named elements.`,
		Example: onPairs(`objective f on preference {
  let d = score(chosen) - score(rejected)
  loss = mean(-log_sigmoid(d[quality]))
}`),
	}, {
		Code:    NotAValue,
		Title:   "a view, model or function stands where a number belongs",
		Explain: `chosen and rejected are parts of a row, texts, and no numbers. A model makes a number of one: score(chosen).`,
		Example: onPairs(`objective f on preference {
  loss = mean(-log_sigmoid(score(chosen) - rejected))
}`),
	}, {
		Code:  NotAView,
		Title: "a model term of something that is no view of the data",
		Explain: `score and the other model terms read a view: chosen, rejected, responses and prompt of preference data, candidates and
prompt of a ranking, response and prompt of ratings. A number cannot be read by a model, nor by a fit of kind ridge.`,
		Example: onPairs(`objective f on preference {
  loss = mean(-log_sigmoid(score(chosen) - score(rejcted)))
}`),
	}, {
		Code:  UnusedLet,
		Title: "a let is computed and never used",
		Explain: `Neither the loss nor a report reads it, so it changes nothing. That is mostly a slip: the reference script of ArmoRM
computed its correction for verbosity and then trained and scored without it.`,
		Example: onPairs(`objective f on preference {
  let d = score(chosen) - score(rejected)
  let corrected = d - 0.1 * margin
  loss = mean(-log_sigmoid(d))
}`),
	}, {
		Code:    UnusedParam,
		Title:   "a parameter is never used",
		Explain: `Whoever sets it would believe that it does something.`,
		Example: onPairs(`objective f(temperature: real = 1) on preference {
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))
}`),
	}, {
		Code:  NameTaken,
		Title: "a name that means something else already",
		Explain: `Within an objective nothing shadows anything, so that it reads the same from top to bottom. Names of functions, views and
model terms are taken everywhere. Columns may be shadowed, for a library cannot know those of its users.`,
		Example: onPairs(`objective f on preference {
  let score = 2
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))
}`),
	}, {
		Code:    UsedEarly,
		Title:   "a value is used above its let, or computed from itself",
		Explain: `Lets are computed in the order in which they stand. There is no recursion.`,
		Example: onPairs(`objective f on preference {
  let scaled = 0.5 * d
  let d = score(chosen) - score(rejected)
  loss = mean(-log_sigmoid(scaled))
}`),
	}, {
		Code:    NoLoss,
		Title:   "an objective without a loss",
		Explain: `The loss is the number that training makes small. Reports alone train nothing.`,
		Example: onPairs(`objective f on preference {
  report accuracy = mean(score(chosen) > score(rejected))
}`),
	}, {
		Code:    LossNotReduced,
		Title:   "the loss is not one number",
		Explain: `A loss still has axes where a mean is missing. Write mean(…) around what is computed for each example.`,
		Example: onPairs(`objective f on preference {
  loss = -log_sigmoid(score(chosen) - score(rejected))
}`),
	}, {
		Code:    ReducedTwice,
		Title:   "the axis of the batch is reduced twice",
		Explain: `The mean over the batch is one number; there is nothing left to take a mean of.`,
		Example: onPairs(`objective f on preference {
  let l = mean(-log_sigmoid(score(chosen) - score(rejected)))
  loss = mean(l)
}`),
	}, {
		Code:     SumOverBatch,
		Severity: Warning,
		Title:    "a sum over the batch",
		Explain: `A mean over the batch stays the same when the batch grows; a sum does not, so that the learning rate would have to shrink
with it, and a function around it sees another number for every batch size. The reference script of ODIN summed the
differences of all pairs of a batch inside one log-sigmoid. If a sum is meant, this warning does no harm.`,
		Example: onPairs(`objective f on preference {
  loss = sum(-log_sigmoid(score(chosen) - score(rejected)), over pair)
}`),
	}, {
		Code:    ReportNotScalar,
		Title:   "a report is not one number",
		Explain: `A report is a line in the metrics: one number a step. Reduce it, mostly with mean.`,
		Example: onPairs(`objective f on preference {
  let d = score(chosen) - score(rejected)
  loss = mean(-log_sigmoid(d))
  report margin = d
}`),
	}, {
		Code:  NoGradient,
		Title: "the loss does not train the model of its stage",
		Explain: `The loss must depend on the model that the stage trains, and by a way that has a slope. Comparisons, rank and stop_gradient
have none: accuracy can be reported, not trained.`,
		Example: onPairs(`objective f on preference {
  loss = mean(score(chosen) < score(rejected))
}`),
	}, {
		Code:  HeadUntrained,
		Title: "an output or a number of the trained model gets no gradient",
		Explain: `An output that the loss never reads keeps its random start, and would be exported like that. So does one that cancels, as
what depends on the prompt alone does in the difference of two scores, and one that a softmax or a correlation does not
see because it is the same along its axis. The numbers of a network, its scalars, are held to the same.`,
		Example: onTwoHeads(`objective f on preference {
  let d = heads(chosen) - heads(rejected)
  loss = mean(-log_sigmoid(d[quality]))
}`),
	}, {
		Code:    UnitInObjective,
		Title:   "a number with a unit inside an objective",
		Explain: `Objectives compute with plain numbers. Only % is understood: 5% is 0.05. Units belong to the fields of data and train.`,
		Example: onPairs(`objective f on preference {
  loss = mean(relu(2 tokens - score(chosen) + score(rejected)))
}`),
	}, {
		Code:    NotAnExpression,
		Title:   "something in an objective that is no number",
		Explain: `Strings, lists and dotted names are values of fields, not of objectives.`,
		Example: onPairs(`objective f on preference {
  loss = mean(-log_sigmoid(score(chosen) - "rejected"))
}`),
	}, {
		Code:  NotInObjective,
		Title: "an item that an objective has no place for",
		Explain: `An objective holds let, loss and report, and nothing else. Numbers that a stage may set are its parameters, in
parentheses after its name.`,
		Example: onPairs(`objective f on preference {
  center = 0.01
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))
}`),
	}, {
		Code:  NotFinite,
		Title: "something in an objective that is no finite number",
		Explain: `Parameters are known when a recipe is compiled, and what is computed from them alone must be a finite number in float32.
A division by 0 or the logarithm of -1 would make the loss NaN at the first step.`,
		Example: withArgs(" { t = 0 }", `objective f(t: real = 1) on preference {
  loss = mean(-log_sigmoid((score(chosen) - score(rejected)) / t))
}`),
	}, {
		Code:     ReducedFirst,
		Severity: Warning,
		Title:    "a loss of the batch's mean and not of each example",
		Explain: `A loss is a mean of what each example costs. Where the batch is reduced inside of log_sigmoid or another bent function, a
pair that is ordered well makes up for one that is not, and the loss changes with the batch. A known script of ODIN summed
its ranking loss like that.`,
		Example: onPairs(`objective f on preference {
  loss = -log_sigmoid(mean(score(chosen) - score(rejected)))
}`),
	}, {
		Code:  ConstantAlong,
		Title: "a softmax or correlation of something that is the same along its axis",
		Explain: `softmax makes numbers comparable along an axis; what is the same at every place along it becomes one over their number,
whatever a model says. The reference script of ArmoRM took the softmax of its gate over the two sides of a pair. The gate
reads the prompt, which both sides share, so that every gate was a half and nothing was learnt. Mostly another axis is
meant. Without the other term, softmax(score(prompt), over side) is R0306: score(prompt) has no axis side at all.`,
		Example: onPairs(`objective f on preference {
  let gate = softmax(score(prompt) + 0 * score(responses), over side)
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)) * gate[chosen])
}`),
	}, {
		Code:    UnknownParam,
		Title:   "a stage sets a parameter that the objective does not have",
		Explain: `What stands in the braces after an objective's name are values of its parameters.`,
		Example: withArgs(" { centre = 0.01 }", `objective f(center: real = 0) on preference {
  let d = score(chosen) - score(rejected)
  loss = mean(-log_sigmoid(d)) + center * mean(d^2)
}`),
	}, {
		Code:    MissingArgument,
		Title:   "a parameter without default is not set",
		Explain: `A parameter without = in its declaration has no value of its own: each stage that uses the objective has to give one.`,
		Example: onPairs(`objective f(noise: real) on preference {
  let d = score(chosen) - score(rejected)
  loss = mean(-(1 - noise) * log_sigmoid(d) - noise * log_sigmoid(-d))
}`),
	}, {
		Code:    WrongParam,
		Title:   "a parameter's value is of the wrong type",
		Explain: `real takes a number or a percentage, int a whole number, bool true or false. A value must be a constant.`,
		Example: withArgs(" { steep = yes }", `objective f(steep: real = 1) on preference {
  loss = mean(-log_sigmoid(steep * (score(chosen) - score(rejected))))
}`),
	}, {
		Code:    ParamType,
		Title:   "a parameter has no type, or one that does not exist",
		Explain: `Parameters are declared as name: type = default. Types are real, int and bool; model and fit are for what the objective calls.`,
		Example: onPairs(`objective f(noise: float = 0.05) on preference {
  loss = mean(-log_sigmoid(score(chosen) - score(rejected) - noise))
}`),
	}, {
		Code:  NotAModel,
		Title: "model = names no model",
		Explain: `score(chosen, model = name) asks a model that the recipe declares. Without model = it asks the one that is trained. A
parameter of type model or fit stands for one of those.`,
		Example: onPairs(`objective f on preference {
  loss = mean(-log_sigmoid(score(chosen, model = reference) - score(rejected)))
}`),
	}, {
		Code:    SeveralOutputs,
		Title:   "score of a model with several outputs",
		Explain: `score is one number for each sequence. A head with several outputs is read by heads(x), over the axis head.`,
		Example: onTwoHeads(`objective f on preference {
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))
}`),
	}, {
		Code:  TermNotServed,
		Title: "a model term that the trainer cannot compute yet",
		Explain: `The language has more model terms than the trainer computes today: embed of a reward model type-checks, and so do other
models beside a reward model that is trained, or networks and fits that read two encoders. They are refused here and not
when the training starts.`,
		Example: onPairs(`objective f on preference {
  loss = mean(dot(embed(rejected) - embed(chosen), embed(prompt), over hidden))
}`),
	}, {
		Code:    UnknownScalar,
		Title:   "a learnable number that the model does not have",
		Explain: `gate.scale is a number that model gate declares: scalars = named { scale = 1 }. It is learnt with the rest of the model.`,
		Example: onGate(`objective f on preference {
  let s(x) = gate.scal * sum(gate(x), over head)
  loss = mean(-log_sigmoid(s(chosen) - s(rejected)))
}`),
	}, {
		Code:  WrongTerm,
		Title: "a model or fit is asked for what it does not give",
		Explain: `A reward model has score, heads, embed and weights; an encoder has embed alone; a model of kind mlp and a fit of kind ridge
are called by their names, as in gate(prompt) and probe(chosen). A decision tree is no part of a loss, for no gradient can
follow its steps: it is a reward as it is. A policy has logprob, and on labels logits and ending.`,
		Example: onGate(`objective f on preference {
  let s(x) = sum(gate(x), over head)
  loss = mean(-log_sigmoid(s(chosen) - s(rejected))) + 0 * mean(backbone(prompt))
}`),
	}, {
		Code:  NotAReward,
		Title: "a let that cannot score a response on its own",
		Explain: `reward NAME = objective.let scores single responses with a let of an objective. The let has one parameter, which stands for
the response, and is one number for each, real[row]. It may use models, fits, parameters and the view prompt. A response
that is scored has no other side, no columns and no ratings, and its score must not depend on what is scored beside it.`,
		Example: onGate(`objective f on preference {
  let total(x) = gate.scale * sum(gate(x), over head)
  let s(x) = total(x) - total(rejected)
  loss = mean(-log_sigmoid(s(chosen)))
}

reward best = f.s`),
	}}
}

// onPairs is a recipe that trains on preferences with an objective f.
func onPairs(objective string) string { return withArgs("", objective) }

// withArgs is onPairs with values for the parameters of f.
func withArgs(args, objective string) string {
	return `-- recipe.rmr --
recipe example

model rm: reward { base = "file:base" }

data prefs: preference { source = "file:prefs.jsonl", over_length = drop, split = none }

train rm on prefs { objective = f` + args + ` }

` + objective + "\n"
}

// onPolicy is onPairs with a policy.
func onPolicy(objective string) string {
	return strings.Replace(onPairs(objective), "model rm: reward", "model rm: policy", 1)
}

// onTwoHeads is onPairs with a model of two outputs.
func onTwoHeads(objective string) string {
	return strings.Replace(onPairs(objective), `"file:base"`, `"file:base", head = linear { outputs = 2, labels = [quality, length] }`, 1)
}

// onGate is a recipe that trains a small network of two outputs and a number on
// preferences, with an objective f.
func onGate(objective string) string {
	return `-- recipe.rmr --
recipe example

model backbone: encoder { base = "file:base" }

data prefs: preference { source = "file:prefs.jsonl", over_length = drop, split = none }

model gate: mlp { input = backbone, outputs = 2, labels = [a, b], scalars = named { scale = 1 } }

train gate on prefs { objective = f }

` + objective + "\n"
}

// onRows is a recipe that trains on rankings with an objective f.
func onRows(objective string) string {
	return strings.Replace(onPairs(objective), "preference {", "ranking {", 1)
}
