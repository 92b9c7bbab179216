// Package facts is what the compiler is told about the world: plain data that
// cmd/rmc gathers from configs, tokenizers, data and the lock. The compiler
// asks no questions of its own; verify holds a recipe against the answers.
//
// Every map may lack a key and every pointer be nil: what is not known is not
// checked.
package facts

import "github.com/rmc-lang/rmc/runtime/lock"

// Facts is everything that is known beyond the text of a recipe.
type Facts struct {
	Models     map[string]Model     // by the model's name in the recipe
	Tokenizers map[string]Tokenizer // by the model's name in the recipe
	Data       map[string]Data      // by Key(model, data)
	Asked      map[string]Asked     // by the label's name; of labels that a policy of the recipe answers
	Missing    []Missing            // sources that could not be had
	Lock       *lock.File           // rmc.lock as read; nil when there is none
	Resolved   *lock.File           // what the sources are now; nil when not looked at
}

// Key names a data set as the tokenizer of one model sees it.
func Key(model, data string) string { return model + " on " + data }

// An Asked is what it takes at most that a policy answers all that a label asks, if
// nothing was answered before.
type Asked struct {
	Prompts  int   `json:"prompts"`     // different ones
	TooLong  int   `json:"too_long"`    // of these, those that leave the model no token to answer with
	Answers  int   `json:"answers"`     // drawn to the others
	Shortest int   `json:"shortest"`    // prompt, in tokens
	Longest  int   `json:"longest"`     // prompt, in tokens
	Tokens   int64 `json:"new_tokens"`  // of all answers, if none ends before it must
	Cache    int64 `json:"cache_bytes"` // keys and values of the largest batch, on one device
}

// A Missing is a source of the recipe that could not be opened.
type Missing struct {
	Path   string // of the value that names it: model.rm.base
	Reason string // lower case, no stop: no such file
	Help   string // what to do; may be empty
}

// A Model is what config.json or the header of a GGUF file says.
type Model struct {
	Architecture string   // as the file calls it: LlamaForCausalLM
	Supported    bool     // whether the runtime can run it
	Known        []string // architectures that the runtime can run, sorted
	Vocab        int
	Layers       int
	Hidden       int
	FFN          int
	Heads        int
	KVHeads      int
	HeadDim      int
	Positions    int     // longest sequence; 0 is unlimited
	HasScoreHead bool    // whether score.weight is in the file
	Params       []Param // of the backbone that is loaded (down to the layer that is read), without head and adapters
}

// A Param is one parameter under its Hugging Face name, matrices [out, in].
type Param struct {
	Name  string
	Shape []int
	Axes  []string // where the runtime's policy puts each dimension on the recipe's mesh: fsdp, tensor or ""
	// Uneven are the mesh axes that the policy wanted and that divide no dimension.
	Uneven []string
}

// Size returns the number of elements.
func (p Param) Size() int64 {
	n := int64(1)
	for _, d := range p.Shape {
		n *= int64(d)
	}
	return n
}

// A Token is a special token; the zero Token is absent.
type Token struct {
	ID      int
	Text    string
	Present bool
}

// A Tokenizer is what a tokenizer and its chat template say.
type Tokenizer struct {
	Absent       bool // the source has no tokenizer at all
	Pad          Token
	SafePad      Token // what an export is padded with: not EOS; absent when the tokenizer has no such token
	EOS          Token
	BOS          Token
	AddsBOS      bool     // the tokenizer puts BOS before a sequence
	HasTemplate  bool     // the tokenizer's own, or the recipe's
	TemplateUses []string // what in the template depends on the clock: strftime_now, date_string
}

// A Data is a data set tokenised for one model, as training will see it.
type Data struct {
	Rows    int      // rows read
	Columns []Column // of the file, in order

	Kept    int // examples that are left, all parts
	Train   int
	Holdout int

	OverLong     int   // rows with a side above max_length
	OverLongAt   []int // 1-based rows of the first of them
	Ties         int   // rows whose sides were the same before truncation
	TiesAt       []int
	Identical    int   // rows whose sides are the same only after truncation
	IdenticalAt  []int // 1-based rows of the first of them
	SavingLength int   // max_length at which no row becomes identical; 0 when unknown
	CutWhole     int   // rows of which truncation leaves no token of a response
	CutWholeAt   []int

	Left []Left // for other reasons that rows were left out
	Made []Made // pairs that augment made, before any was left out, by kind

	Refused       int    // rows that the chat template refuses to render
	RefusedReason string // what it said of the first

	SharedPrompts   int    // prompts that are in both parts
	SharedPromptsOf int    // prompts of the held-out part
	SharedExample   string // one of them, shortened

	// BOSCounts counts sequences by the number of BOS tokens at their start.
	BOSCounts map[int]int

	Ratings []Rating // of ratings, in the order of the attributes

	// Marks counts the places of labels by the label that is likeliest there, and
	// Unread says why the rows could not be read with theirs.
	Marks  map[string]int
	Unread *Unread

	MissingColumns []ColumnProblem // columns that the format or the objective wants
	Mistyped       []ColumnProblem

	Lengths      []int // tokens of each kept sequence, in order
	Distinct     []int // tokens of each different sequence, whose hidden states are computed once; nil is Lengths
	Packed       []int // tokens of each row that these are laid into, common beginnings once; nil is each alone
	ExampleMax   []int // of each training example, the tokens of its longest sequence
	HoldoutMax   []int // the same of the held-out examples
	Sequences    int   // sequences of an example: 2 for a pair
	LargestID    int   // largest token id among the kept sequences
	LargestIDAt  int   // 1-based row that has it
	TokensBefore int64 // tokens before truncation and dropping
	TokensAfter  int64 // tokens that are kept
}

// A Column is what a column of the file holds.
type Column struct {
	Name     string
	Type     string // text | number | bool | list | messages | mixed
	Constant bool   // one value in all rows
	Value    string // that value, shortened
}

// A Left counts rows that were left out for one reason, in a few words: the
// sides answer different prompts.
type Left struct {
	Rows   int    `json:"rows"`
	Reason string `json:"reason"`
}

// A Made counts the pairs of one kind that augment made.
type Made struct {
	Kind  string `json:"kind"`
	Pairs int    `json:"pairs"`
}

// A Rating is what the rows that are kept say of one attribute.
type Rating struct {
	Attribute string
	Known     int  // rows that have it
	Missing   int  // rows that lack it
	Counted   bool // it is the number of the response's tokens, and no column
	Constant  bool // all that have it have one value
	// Value is that value where it is constant; else a number far below all others
	// that many rows have, which may mean missing, and ValueRows how many do.
	Value     string
	ValueRows int
}

// An Unread is a label that cannot be read from the token that follows its context.
type Unread struct {
	Label string // its text; "" where it is the chat template's fault
	Why   string // in words, with the tokens
}

// A ColumnProblem is a column that a row lacks or that has another type there.
type ColumnProblem struct {
	Column string
	Row    int    // 1-based; 0 when no row has the column
	Rows   int    // rows concerned
	Want   string // number
	Have   string // text "n/a"
}
