package ast_test

import (
	"testing"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/source"
)

func TestDumpLeavesOutPlaces(t *testing.T) {
	at := source.Span{File: source.New("a.rmr", "text"), Start: 1, End: 2}
	name := func(s string) *ast.Ident { return &ast.Ident{Span: at, Name: s} }
	d := &ast.Decl{
		Span: at, Doc: "two words", Keyword: name("train"), Name: name("rm"), On: name("hh"),
		Body: &ast.Block{Items: []ast.Item{
			&ast.Field{Key: name("epochs"), Value: &ast.Number{Text: "1", Unit: name("epochs")}},
			&ast.Field{Key: name("base"), Quoted: true, Value: &ast.String{}},
		}},
	}
	want := `Decl{Doc:"two words" Keyword:train Name:rm On:hh Body:Block{Items:[` +
		`Field{Key:epochs Value:Number{Text:1 Unit:epochs}} Field{Key:base Quoted:true Value:String{Value:""}}]}}`
	if got := ast.Dump(d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
