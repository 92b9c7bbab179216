package data

import (
	"fmt"
	"sort"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/table"
)

// A profile is what is known of a column while rows are read.
type profile struct {
	kind    string // text, number, bool, list, object or mixed
	seen    int
	value   string // of the first row; empty for lists and objects
	differs bool
}

// observe adds a row to the profiles of its columns.
func (l *loading) observe(row table.Row) {
	for name, v := range row.Fields {
		if v == nil {
			continue
		}
		kind, value := scalar(v)
		p := l.columns[name]
		if p == nil {
			l.columns[name] = &profile{kind: kind, seen: 1, value: value, differs: value == ""}
			continue
		}
		p.seen++
		if p.kind != kind {
			p.kind = "mixed"
		}
		p.differs = p.differs || p.value != value
	}
}

// scalar names the type of a value and writes it; lists and objects as "".
func scalar(v any) (kind, value string) {
	switch v := v.(type) {
	case string:
		return "text", v
	case bool:
		return "bool", fmt.Sprint(v)
	case []any:
		return "list", ""
	case map[string]any:
		return "object", ""
	}
	return "number", fmt.Sprint(v)
}

func (l *loading) columnReports() []ColumnReport {
	var out []ColumnReport
	for name, p := range l.columns {
		c := ColumnReport{Name: name, Type: p.kind, Missing: l.stats.Read - p.seen}
		if c.Constant = !p.differs && p.seen > 1 && c.Missing == 0; c.Constant {
			c.Value = record.Shortened(p.value)
		}
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
