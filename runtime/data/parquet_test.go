package data

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// Rows of a parquet file hold lists of structs and numbers of any width.
func TestParquetRows(t *testing.T) {
	type turn struct {
		Role    string `parquet:"role"`
		Content string `parquet:"content"`
	}
	type row struct {
		Chosen   []turn  `parquet:"chosen,list"`
		Rejected []turn  `parquet:"rejected,list"`
		Gap      float32 `parquet:"gap"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	for i := range 250 {
		user := turn{"user", fmt.Sprint("q", i)}
		if _, err := w.Write([]row{{Chosen: []turn{user, {"assistant", "good"}}, Rejected: []turn{user, {"assistant", "bad"}}, Gap: float32(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d := recipe()
	d.Extra = []string{"gap"}
	s, err := Load(d, write(t, "x.parquet", b.String()), bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if got := sides(s.Train[249]); got != "^Uq249$A|good$ ^Uq249$A|bad$" || s.Train[249].Columns[0] != 249 {
		t.Errorf("got %q %v", got, s.Train[249].Columns)
	}
}
