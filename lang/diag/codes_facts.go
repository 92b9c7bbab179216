package diag

// The codes of models, tokenizers and devices, R05xx.
const (
	SourceMissing           Code = "R0501"
	UnsupportedArchitecture Code = "R0502"
	TooFewPositions         Code = "R0503"
	HeadDiscarded           Code = "R0504"
	HeadMissing             Code = "R0505"
	NoSuchLayer             Code = "R0506"
	NoTokenizer             Code = "R0508"
	NoTemplate              Code = "R0509"
	PadIsEOS                Code = "R0510"
	PadAbsent               Code = "R0511"
	BOSTwice                Code = "R0512"
	BOSNever                Code = "R0513"
	ClockInTemplate         Code = "R0514"
	TemplateRefuses         Code = "R0515"
	MeshDivides             Code = "R0516"
	MeshUneven              Code = "R0517"
	ShardsNothing           Code = "R0518"
	DeviceMemory            Code = "R0519"
	LabelTokens             Code = "R0520"
	AsksOtherwise           Code = "R0521"
)

// The codes of data and of the lock, R06xx.
const (
	EmptyData           Code = "R0601"
	NothingKept         Code = "R0602"
	MissingColumn       Code = "R0603"
	MistypedColumn      Code = "R0604"
	ConstantColumn      Code = "R0605"
	SameAfterTruncation Code = "R0606"
	ResponseCut         Code = "R0607"
	SharedPrompts       Code = "R0608"
	LessThanABatch      Code = "R0609"
	EmptyHoldout        Code = "R0610"
	TiesFound           Code = "R0611"
	OverLong            Code = "R0612"
	MostDropped         Code = "R0613"
	LockMismatch        Code = "R0614"
	NotLocked           Code = "R0615"
	LockStale           Code = "R0616"
	LockedByOther       Code = "R0617"
	BeyondVocabulary    Code = "R0618"
	NeverRated          Code = "R0619"
	SentinelLikely      Code = "R0620"
)

// factsEntries are the problems of tokenizers, templates, data, sources and devices R05xx–R06xx.
func factsEntries() []Entry {
	return []Entry{{
		Code:  SourceMissing,
		Title: "a source that cannot be had",
		Explain: `The file, package or repository that the recipe names does not exist, cannot be reached, or is damaged. Nothing is
trained on part of a source.`,
		Example: example("", ""),
	}, {
		Code:  UnsupportedArchitecture,
		Title: "a model that the runtime cannot run",
		Explain: `The runtime has one decoder that covers a few families. Loading another family's weights into it would give numbers, and
wrong ones.`,
		Example: example("", ""),
	}, {
		Code:    TooFewPositions,
		Title:   "sequences longer than the model has positions",
		Explain: `The model was trained on sequences up to a length, and what it computes beyond that is not defined.`,
		Example: example("512 tokens", "9000 tokens"),
	}, {
		Code:  HeadDiscarded,
		Title: "a trained head that would be thrown away",
		Explain: `The base is a reward model already: it has a score head. With the default, init = normal, training would start from a new,
random head. The recipe must say which is meant: keep to go on from the head, normal to start anew.`,
		Example: example("", ""),
	}, {
		Code:    HeadMissing,
		Title:   "a head that is to be kept and does not exist",
		Explain: `init = keep takes score.weight from the base, which has none: it is a language model, not a reward model.`,
		Example: example("tune = head", "tune = head\n  head = linear { init = keep }"),
	}, {
		Code:    NoSuchLayer,
		Title:   "a layer beyond the model's last",
		Explain: `The head reads the hidden state after so many decoder layers, counted from 1.`,
		Example: example("tune = head", "tune = head\n  head = linear { layer = 40 }"),
	}, {
		Code:  NoTokenizer,
		Title: "a base without a tokenizer",
		Explain: `The weights come without a tokenizer, so that texts cannot become token ids. Name a source that has the one the model was
trained with; or bring data of token ids, which needs none.`,
		Example: example("", ""),
	}, {
		Code:  NoTemplate,
		Title: "a tokenizer without a chat template",
		Explain: `A conversation becomes text through the tokenizer's chat template. A base model often has none, and inventing one would
decide the scores.`,
		Example: example("", ""),
	}, {
		Code: PadIsEOS, Severity: Warning,
		Title: "a pad token that is the end-of-sequence token",
		Explain: `Tools that look for the first pad to find the last token stop at the end of a turn, and give both responses of a pair the
same score. rmc selects the token from the mask, so its own training and scores are right. An export is padded with another token that
no text ends with; this tokenizer has none.`,
		Example: example("", ""),
	}, {
		Code: PadAbsent, Severity: Warning,
		Title:   "a tokenizer without a pad token",
		Explain: `rmc pads by the mask and needs none. Tools that score an export in batches do.`,
		Example: example("", ""),
	}, {
		Code:  BOSTwice,
		Title: "sequences that begin with BOS more than once",
		Explain: `The chat template writes the token and the text, or the tokenizer, adds another. Models have not seen that in training, and
scores move by a percent or so.`,
		Example: example("", ""),
	}, {
		Code: BOSNever, Severity: Warning,
		Title: "sequences that begin without BOS",
		Explain: `The tokenizer has a BOS token, and no sequence begins with it. A well known reward model was trained so by accident, and
scores about one point lower when the token is there.`,
		Example: example("", ""),
	}, {
		Code: ClockInTemplate, Severity: Warning,
		Title:   "a chat template that depends on the clock",
		Explain: `The template writes today's date into the text, so that the same pair has other tokens, and another score, every day.`,
		Example: example("", ""),
	}, {
		Code: TemplateRefuses, Severity: Warning,
		Title:   "rows that the chat template refuses",
		Explain: `The template raises an error for them: it may want roles to alternate, or no system message. They are left out.`,
		Example: example("", ""),
	}, {
		Code:    MeshDivides,
		Title:   "a mesh that does not divide a dimension",
		Explain: `A dimension that is split over an axis of the mesh must be a multiple of its size: each device holds an equal share.`,
		Example: example("train rm on prefs {", "mesh { devices = 4, tensor = 4 }\n\nshard rm { \"*.k_proj\" = [tensor, none] }\n\ntrain rm on prefs {"),
	}, {
		Code: MeshUneven, Severity: Warning,
		Title: "a parameter that the mesh cannot split",
		Explain: `The policy would split the parameter, and the axis does not divide it, so that every device holds all of it. It costs
memory and changes no number.`,
		Example: example("train rm on prefs {", "mesh { devices = 4, tensor = 4 }\n\ntrain rm on prefs {"),
	}, {
		Code:    ShardsNothing,
		Title:   "a pattern that matches no parameter",
		Explain: `Patterns are of Hugging Face parameter names without .weight, and * stands for any run of characters.`,
		Example: example("train rm on prefs {", "shard rm { \"*.c_attn\" = [tensor, fsdp] }\n\ntrain rm on prefs {"),
	}, {
		Code:  DeviceMemory,
		Title: "a training that does not fit a device",
		Explain: `The mesh states how much memory a device has, and weights, gradients, optimizer state and activations need more. The
compiled step holds the old and the new state at once, so that state counts twice. Activations are an estimate.`,
		Example: example("tune = head\n}", "tune = full\n}\n\nmesh { memory = 1 GiB }"),
	}, {
		Code:  LabelTokens,
		Title: "a label that is not one token where it stands",
		Explain: `A label is read from the logits of one token: the one that follows the context. A text that is one token by itself may be
two after the header of an answer, or join what comes before it, or share its token with another label. Then no logit is
the label's.`,
		Example: asking("", ""),
	}, {
		Code:  AsksOtherwise,
		Title: "a chat template that asks in another way than it answers",
		Explain: `A model is asked with the generation prompt of its chat template, and trained on conversations as the template writes them
whole. Where the two are not the same up to the label, it would be asked what it never saw: RLHFlow's pairwise models are
asked without the header of an answer, and their process models are trained with another system text than they are asked
with.`,
		Example: asking("", ""),
	}, {
		Code:    EmptyData,
		Title:   "data without rows",
		Explain: `The source was read to its end and has no rows.`,
		Example: example("", ""),
	}, {
		Code:    NothingKept,
		Title:   "data of which no row is left",
		Explain: `Every row was left out, for the reasons that the note counts.`,
		Example: example("", ""),
	}, {
		Code:  MissingColumn,
		Title: "a column that the data lacks",
		Explain: `The format or the objective reads a column that no row has, or that some row lacks. columns = named { … } says under which
name the file has it.`,
		Example: example("", ""),
	}, {
		Code:    MistypedColumn,
		Title:   "a column whose values are of another type",
		Explain: `A row has something else in the column than the format or the objective reads.`,
		Example: example("", ""),
	}, {
		Code: ConstantColumn, Severity: Warning,
		Title:   "a column that never changes",
		Explain: `The objective reads the column, and every row has the same value. It may be the wrong one.`,
		Example: example("split       = holdout", "columns     = named { margin = \"margin\" }\n  split       = holdout"),
	}, {
		Code: SameAfterTruncation, Severity: Warning,
		Title: "pairs that truncation makes equal",
		Explain: `The two responses differ only beyond max_length. Such a pair has a loss of ln 2 and no gradient; it is left out. In one
popular data set it is every fourteenth pair at 512 tokens.`,
		Example: example("over_length = drop", "over_length = truncate_right"),
	}, {
		Code: ResponseCut, Severity: Warning,
		Title:   "responses that truncation cuts away whole",
		Explain: `The prompt alone fills max_length, and nothing of the response is left to score. Such rows are left out.`,
		Example: example("over_length = drop", "over_length = truncate_right"),
	}, {
		Code: SharedPrompts, Severity: Warning,
		Title:   "prompts that are both trained on and held out",
		Explain: `The model has seen the prompt with another pair of responses, so that the held-out accuracy is not that of new prompts.`,
		Example: example("fraction = 10%", "fraction = 10%, by = row"),
	}, {
		Code: LessThanABatch, Severity: Warning,
		Title:   "fewer examples than one batch",
		Explain: `A pass over the data is a single optimizer step, smaller than the batch that the recipe asks for.`,
		Example: example("", ""),
	}, {
		Code:    EmptyHoldout,
		Title:   "a hold-out without examples",
		Explain: `The share that is held out is less than one group of rows, and an evaluation would measure nothing.`,
		Example: example("", ""),
	}, {
		Code:    TiesFound,
		Title:   "rows whose sides are the same",
		Explain: `The recipe says ties = error, and some rows have two responses with the same tokens.`,
		Example: example("split       = holdout", "ties        = error\n  split       = holdout"),
	}, {
		Code:    OverLong,
		Title:   "rows that are too long",
		Explain: `The recipe says over_length = error, and some rows are longer than max_length.`,
		Example: example("over_length = drop", "over_length = error"),
	}, {
		Code: MostDropped, Severity: Warning,
		Title:   "data of which most is dropped",
		Explain: `More than half of the rows are longer than max_length and dropped. What is left may be of another kind: short.`,
		Example: example("", ""),
	}, {
		Code:    LockMismatch,
		Title:   "a source that is not what was locked",
		Explain: `rmc.lock pins each source by its digest. The bytes are others now: the source has changed, or a download is damaged.`,
		Example: example("", ""),
	}, {
		Code:    NotLocked,
		Title:   "a source that the lock does not have",
		Explain: `The recipe names a source that rmc.lock does not pin, so that another machine could train on other bytes.`,
		Example: example("", ""),
	}, {
		Code: LockStale, Severity: Warning,
		Title:   "a lock entry that nothing uses",
		Explain: `rmc.lock pins a source that the recipe no longer names.`,
		Example: example("", ""),
	}, {
		Code: LockedByOther, Severity: Warning,
		Title:   "a lock by another version of rmc",
		Explain: `The lock was written by another version of rmc. Its digests hold all the same.`,
		Example: example("", ""),
	}, {
		Code:  BeyondVocabulary,
		Title: "token ids that the model does not have",
		Explain: `The data has a token id that is no row of the model's embeddings: it was tokenised for another model. A lookup beyond the
table gives some row or other, and numbers that mean nothing.`,
		Example: example("", ""),
	}, {
		Code:    NeverRated,
		Title:   "an attribute that no row has a rating of",
		Explain: `The data has the column, and in every row it is null, NaN or one of the sentinels. There is nothing to fit a probe to.`,
		Example: fitExample("", ""),
	}, {
		Code: SentinelLikely, Severity: Warning,
		Title: "a rating that likely means missing",
		Explain: `Many rows have one negative number that lies far below all other ratings: rows of NeMo-Aligner have -100 for what nobody
rated. Read as a rating it would decide the probe. sentinels = [-100] makes it missing.`,
		Example: fitExample("", ""),
	}}
}
