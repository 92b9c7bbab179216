package diag

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
)

// resolveEntries are the problems of names, fields, values and units R01xx–R02xx.
func resolveEntries() []Entry { return nil }
