package ast

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/rmc-lang/rmc/lang/source"
)

// Dump returns the tree below node as text, without its places: two files that
// say the same dump the same.
//
//	Decl{Keyword:train Name:rm On:hh Body:Block{Items:[Field{Key:epochs Value:Number{Text:1}}]}}
func Dump(node any) string {
	var b strings.Builder
	dump(&b, reflect.ValueOf(node))
	return b.String()
}

func dump(b *strings.Builder, v reflect.Value) {
	switch x := v.Interface().(type) {
	case *Ident:
		b.WriteString(x.Name)
		return
	case *Comment:
		fmt.Fprintf(b, "%q", x.Text)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		dump(b, v.Elem())
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			dump(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		dumpStruct(b, v)
	case reflect.String:
		dumpString(b, v.String())
	default:
		fmt.Fprint(b, v)
	}
}

// dumpString quotes s where it could be taken for something else.
func dumpString(b *strings.Builder, s string) {
	if s == "" || strings.ContainsAny(s, " {}[]:\"\n") {
		s = fmt.Sprintf("%q", s)
	}
	b.WriteString(s)
}

// dumpStruct leaves out places and what is absent.
func dumpStruct(b *strings.Builder, v reflect.Value) {
	b.WriteString(v.Type().Name() + "{")
	sep := ""
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Interface().(type) {
		case source.Span, *source.File:
			continue
		}
		emptyString := f.Kind() == reflect.String && v.Type() == reflect.TypeFor[String]()
		if f.IsZero() && !emptyString || f.Kind() == reflect.Slice && f.Len() == 0 {
			continue
		}
		b.WriteString(sep + v.Type().Field(i).Name + ":")
		dump(b, f)
		sep = " "
	}
	b.WriteByte('}')
}
