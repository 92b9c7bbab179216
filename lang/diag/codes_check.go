package diag

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

	UnknownParam    Code = "R0401"
	MissingArgument Code = "R0402"
	WrongParam      Code = "R0403"
	ParamType       Code = "R0404"
	NotAModel       Code = "R0405"
	SeveralOutputs  Code = "R0406"
	TermNotServed   Code = "R0407"
)

// checkEntries are the problems of types, axes and numerics of objectives R03xx–R04xx.
func checkEntries() []Entry { return nil }
