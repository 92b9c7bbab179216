package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// rowsOf reads all rows of a file.
func rowsOf(t *testing.T, path string) []Row {
	t.Helper()
	rows, err := readAll(path)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// readAll reads rows up to the end or an error.
func readAll(path string) ([]Row, error) {
	r, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var rows []Row
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

type turnRow struct {
	Role    string `parquet:"role"`
	Content string `parquet:"content"`
}

type parquetRow struct {
	Chosen   []turnRow `parquet:"chosen,list"`
	Rejected []turnRow `parquet:"rejected,list"`
	IDs      []int32   `parquet:"ids,list"`
	Gap      float32   `parquet:"gap"`
	Note     *string   `parquet:"note,optional"`
}

func parquetFile(t *testing.T, n int) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b)
	for i := range n {
		user := turnRow{"user", fmt.Sprint("q", i)}
		row := parquetRow{Chosen: []turnRow{user, {"assistant", "good"}}, Rejected: []turnRow{user, {"assistant", "bad"}}, IDs: []int32{1, 2}, Gap: float32(i)}
		if _, err := w.Write([]parquetRow{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	lines := "{\"a\":\"é\",\"n\":1}\n\n{\"a\":\"y\",\"n\":2}"
	array := " [\n {\"a\":\"é\",\"n\":1},\n{\"a\":\"y\",\"n\":2} ]\n"
	want := []map[string]any{{"a": "é", "n": 1.0}, {"a": "y", "n": 2.0}}
	asText := []map[string]any{{"a": "é", "n": "1"}, {"a": "y", "n": "2"}}
	for _, c := range []struct {
		name, content string
		want          []map[string]any
		lines         [2]int
	}{
		{"x.jsonl", lines, want, [2]int{1, 3}},
		{"x.jsonl", lines + "\n", want, [2]int{1, 3}},
		{"crlf.jsonl", strings.ReplaceAll(lines, "\n", "\r\n"), want, [2]int{1, 3}},
		{"bom.jsonl", "\xef\xbb\xbf" + lines, want, [2]int{1, 3}},
		{"x.json", array, want, [2]int{2, 3}},
		{"lines.json", lines, want, [2]int{1, 3}},
		{"x.csv", "a,n\né,1\n\"y\",2\n", asText, [2]int{2, 3}},
		{"x.tsv", "a\tn\né\t1\ny\t2\n", asText, [2]int{2, 3}},
		{"without-a-known-name", lines, want, [2]int{1, 3}},
	} {
		for _, zip := range []bool{false, true} {
			name, content := c.name, c.content
			if zip {
				name, content = name+".gz", gzipped(t, content)
			}
			t.Run(name, func(t *testing.T) {
				rows := rowsOf(t, write(t, name, content))
				if len(rows) != 2 {
					t.Fatalf("%d rows", len(rows))
				}
				for i, row := range rows {
					if !reflect.DeepEqual(row.Fields, c.want[i]) || row.Number != i || row.Line != c.lines[i] {
						t.Errorf("row %d: %+v, want line %d %v", i, row, c.lines[i], c.want[i])
					}
				}
			})
		}
	}
}

func TestGzipIsFoundFromContent(t *testing.T) {
	if rows := rowsOf(t, write(t, "x.jsonl", gzipped(t, `{"a":1}`))); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
	if rows := rowsOf(t, write(t, "x.jsonl.gz", `{"a":1}`)); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestParquet(t *testing.T) {
	content := parquetFile(t, 250)
	for name, content := range map[string]string{"x.parquet": content, "x.parquet.gz": gzipped(t, content)} {
		t.Run(name, func(t *testing.T) {
			rows := rowsOf(t, write(t, name, content))
			if len(rows) != 250 || rows[249].Number != 249 {
				t.Fatalf("%d rows", len(rows))
			}
			if got := fmt.Sprint(rows[249].Fields); got != "map[chosen:[map[content:q249 role:user] map[content:good role:assistant]] gap:249 ids:[1 2] note:<nil> rejected:[map[content:q249 role:user] map[content:bad role:assistant]]]" {
				t.Errorf("got %s", got)
			}
		})
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "rmc-*.parquet"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}

func TestBrokenFiles(t *testing.T) {
	good := `{"prompt":"q","chosen":"a","rejected":"b"}`
	many := strings.Repeat(good+"\n", 2000)
	whole := parquetFile(t, 50)
	damaged := []byte(gzipped(t, many))
	damaged[len(damaged)-6] ^= 0xff // the checksum
	for _, c := range []struct{ name, file, content, want string }{
		{"truncated gzip", "rows.jsonl.gz", gzipped(t, many)[:200], "rows.jsonl.gz: the gzip stream is cut short: unexpected EOF, after 1"},
		{"gzip without a body", "rows.jsonl.gz", gzipped(t, many)[:5], "rows.jsonl.gz: the gzip stream is cut short: unexpected EOF, after 0 whole rows; it was not copied or downloaded to its end"},
		{"gzip with a bad checksum", "rows.jsonl.gz", string(damaged), "rows.jsonl.gz: after 2000 rows: the gzip stream is damaged: its checksum does not match"},
		{"broken JSON", "rows.jsonl", good + "\n" + good + "\n" + `{"prompt":"q", chosen":"a"}`, `rows.jsonl:3:16: broken JSON: invalid character 'c' looking for beginning of object key string; the row begins {"prompt":"q", chosen":"a"}`},
		{"broken JSON counts characters", "rows.jsonl", `{"é":"éé" "b":1}`, `rows.jsonl:1:11: broken JSON: invalid character '"' after object key:value pair`},
		{"line cut short", "rows.jsonl", good + "\n" + `{"prompt":"q","cho`, `rows.jsonl:2:18: broken JSON: unexpected end of JSON input; the row begins {"prompt":"q","cho`},
		{"two objects in a line", "rows.jsonl", good + good, `rows.jsonl:1:43: broken JSON: invalid character '{' after top-level value`},
		{"a row that is a list", "rows.jsonl", good + "\n[1]", "rows.jsonl:2:1: a row must be an object {…}, this is array: [1]"},
		{"a row that is null", "rows.jsonl", good + "\nnull", "rows.jsonl:2:1: a row must be an object {…}, this is null"},
		{"invalid UTF-8", "rows.jsonl", good + "\n" + `{"prompt":"éa` + "\xff" + `b"}`, "rows.jsonl:2:14: invalid UTF-8: byte 0xff; the file must be UTF-8"},
		{"UTF-16", "rows.jsonl", "\xff\xfe{\x00", "rows.jsonl: the file is UTF-16; convert it to UTF-8"},
		{"zstd", "rows.jsonl.zst", "\x28\xb5\x2f\xfd\x00", "rows.jsonl.zst: the file is compressed with zstd; rmc reads gzip"},
		{"empty", "rows.jsonl", "", "rows.jsonl: the file is empty"},
		{"only space", "rows.jsonl", " \n\n", "rows.jsonl: the file is empty"},
		{"gzip of nothing", "rows.jsonl.gz", gzipped(t, ""), "rows.jsonl.gz: the file is empty (a gzip stream of nothing)"},
		{"empty array", "rows.json", "[]", "rows.json: the file has no rows"},
		{"header alone", "rows.csv", "prompt,chosen,rejected\n", "rows.csv: the file has no rows"},
		{"array cut short between rows", "rows.json", "[" + good + ",\n", "rows.json: the JSON array is cut short: unexpected EOF, after 1 whole rows"},
		{"array cut short in a row", "rows.json", "[" + good + ",\n" + good[:20], "rows.json: the JSON array is cut short inside the row that begins at line 2: unexpected EOF, after 1 whole rows"},
		{"broken JSON in an array", "rows.json", "[" + good + ",\n {\"prompt\":\n  \"q\", 7}]", "rows.json:3:8: broken JSON: invalid character '7' looking for beginning of object key string"},
		{"array of numbers", "rows.json", "[1]", `rows.json:1:2: broken JSON: "1" where an object {…} is expected`},
		{"missing comma", "rows.json", "[" + good + "\n" + good + "]", `rows.json:2:1: broken JSON: "{" where "," or "]" is expected`},
		{"text after the array", "rows.json", "[" + good + "] x", `rows.json:1:46: broken JSON: "x" after the array's end`},
		{"no JSON at all", "rows.txt", "hello", `rows.txt: is neither JSON (it begins with "h"), nor parquet, and not named .csv`},
		{"ragged CSV", "rows.csv", "prompt,chosen,rejected\nq,a,b\nq,a\n", "rows.csv:3:1: broken CSV: wrong number of fields"},
		{"open quote in CSV", "rows.csv", "prompt,chosen\nq,\"a\n", "rows.csv:2:6: broken CSV: extraneous or missing \" in quoted-field"},
		{"double header", "rows.csv", "a,b,a\n1,2,3\n", `rows.csv: two columns are called "a"`},
		{"CSV not UTF-8", "rows.csv", "prompt,chosen,rejected\nq,a,\xe9\n", `rows.csv:2:5: column "rejected" is not valid UTF-8`},
		{"parquet cut short", "rows.parquet", whole[:len(whole)-20], "rows.parquet: the parquet file is cut short: its footer is missing"},
		{"damaged parquet", "rows.parquet", whole[:len(whole)-40] + strings.Repeat("\xaa", 32) + whole[len(whole)-8:], "rows.parquet: the parquet file is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(write(t, c.file, c.content))
			wantError(t, err, c.want)
		})
	}
	_, err := Open(filepath.Join(t.TempDir(), "none.jsonl"))
	if !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A reader does not keep what it has read.
func TestReadingStreams(t *testing.T) {
	row := `{"prompt":"` + strings.Repeat("x", 1000) + `"}` + "\n"
	for name, content := range map[string]string{
		"x.jsonl": strings.Repeat(row, 8000),
		"x.json":  "[" + strings.Repeat(row+",", 7999) + row + "]",
		"x.csv":   "prompt\n" + strings.Repeat(strings.Repeat("x", 1000)+"\n", 8000),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Open(write(t, name, content))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			before := heap()
			for range 7999 {
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
			}
			if grown := heap() - before; grown > 1<<20 {
				t.Errorf("the heap grew by %d bytes over a file of %d", grown, len(content))
			}
			if _, err := r.Next(); err != nil { // r is in use to the last
				t.Fatal(err)
			}
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"a":1}`+"\n"+`{"a":2}`), ".jsonl")
	f.Add([]byte("[{\"a\":\"\\\"}\"},\n{}]"), ".json")
	f.Add([]byte("a,b\n1,\"2\n3\"\n"), ".csv")
	f.Add([]byte("\x1f\x8b\x08\x00"), ".gz")
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"), ".parquet")
	f.Fuzz(func(t *testing.T, content []byte, ext string) {
		if strings.ContainsAny(ext, "/\\\x00") || len(ext) > 20 {
			return
		}
		path := filepath.Join(t.TempDir(), "x"+ext)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		rows, err := readAll(path)
		for i, row := range rows {
			if row.Number != i || row.Fields == nil {
				t.Fatalf("row %d is %+v", i, row)
			}
		}
		if len(rows) == 0 && err == nil {
			t.Fatal("no rows and no error")
		}
	})
}
