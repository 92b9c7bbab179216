package emit

import (
	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/check"
)

// objective prints the function of one objective under name.
func objective(name string, o *check.Objective) []jen.Code {
	return []jen.Code{
		jen.Comment(name + " is " + o.Span.File.Name),
		jen.Func().Id(name).Params(jen.Id("b").Op("*").Qual(opPath, "Batch")).Qual(opPath, "Objective").Block(
			jen.Return(jen.Qual(opPath, "Objective").Values())),
	}
}
