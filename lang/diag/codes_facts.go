package diag

// The codes of models, tokenizers and devices, R05xx.
const (
	SourceMissing           Code = "R0501"
	UnsupportedArchitecture Code = "R0502"
	TooFewPositions         Code = "R0503"
	HeadDiscarded           Code = "R0504"
	HeadMissing             Code = "R0505"
	NoSuchLayer             Code = "R0506"
	NoSuchProjection        Code = "R0507"
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
)

// factsEntries are the problems of tokenizers, templates, data, sources and devices R05xx–R06xx.
func factsEntries() []Entry { return nil }
