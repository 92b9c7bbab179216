package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// A jsonText cuts a stream into the texts of its rows and knows where it is.
type jsonText struct {
	in           *bufio.Reader
	line, column int  // 1-based place of the next byte; column in bytes
	begun, ended bool // of an array: its [ and ] were read
	inside       bool // of an object of arrays: in one of them
	groups       int  // and how many were begun
}

// skipSpace moves to the next byte that is no white space and peeks at it.
func (j *jsonText) skipSpace() (byte, error) {
	for {
		b, err := j.in.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return b, j.in.UnreadByte()
		}
		j.step(b)
	}
}

func (j *jsonText) step(b byte) {
	if b == '\n' {
		j.line, j.column = j.line+1, 1
	} else {
		j.column++
	}
}

// nextLine returns the row of the next line that is not blank.
func (j *jsonText) nextLine() (map[string]any, int, error) {
	for {
		text, err := j.readLine()
		if err != nil {
			return nil, 0, err
		}
		line, column := j.line, j.column
		j.line, j.column = j.line+1, 1
		if len(bytes.TrimSpace(text)) > 0 {
			fields, err := object(text, line, column)
			return fields, line, err
		}
	}
}

func (j *jsonText) readLine() ([]byte, error) {
	var text []byte
	for {
		part, err := j.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(text) <= maxRow:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, &placed{j.line, j.column, fmt.Errorf("a line of more than %d MiB", maxRow>>20)}
		case errors.Is(err, io.EOF) && len(text) > 0, err == nil:
			return text, nil
		}
		return nil, err
	}
}

// nextOfArray returns the next element of the array that the file is.
func (j *jsonText) nextOfArray() (map[string]any, int, error) {
	b, err := j.between()
	if err != nil {
		return nil, 0, err
	}
	if j.ended {
		return nil, 0, j.nothingLeft()
	}
	return j.elementAt(b)
}

// elementAt reads the object that begins with b.
func (j *jsonText) elementAt(b byte) (map[string]any, int, error) {
	if b != '{' {
		return nil, 0, &placed{j.line, j.column, fmt.Errorf("broken JSON: %q where an object {…} is expected: a row is an object", string(rune(b)))}
	}
	line, column := j.line, j.column
	text, err := j.element()
	if err != nil {
		return nil, 0, err
	}
	fields, err := object(text, line, column)
	return fields, line, err
}

// nextOfGroups returns the next element of the arrays that are the values of the
// object that the file is.
func (j *jsonText) nextOfGroups() (map[string]any, int, error) {
	for {
		if j.inside {
			b, err := j.between()
			if err != nil {
				return nil, 0, err
			}
			if !j.ended {
				return j.elementAt(b)
			}
		}
		more, err := j.nextGroup()
		if err == nil && !more {
			err = j.nothingLeft()
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

// nextGroup reads the { or comma before the name of an array, and the name; or the
// } after the last array.
func (j *jsonText) nextGroup() (more bool, err error) {
	b, err := j.must()
	switch {
	case err != nil:
		return false, err
	case b == '}' && j.groups > 0:
		return false, j.discard()
	case b != ',' && j.groups > 0:
		return false, j.unexpected(b, `"," or "}"`)
	}
	if err := j.discard(); err != nil {
		return false, err
	}
	j.groups++
	j.inside, j.begun, j.ended = true, false, false
	return true, j.name()
}

// name reads a name and the colon after it.
func (j *jsonText) name() error {
	if err := j.expect('"'); err != nil {
		return err
	}
	if err := j.discard(); err != nil {
		return err
	}
	for escaped := false; ; {
		b, err := j.in.ReadByte()
		if err != nil {
			return &placed{j.line, j.column, fmt.Errorf("the JSON object is cut short: %w", io.ErrUnexpectedEOF)}
		}
		j.step(b)
		if b == '"' && !escaped {
			break
		}
		escaped = b == '\\' && !escaped
	}
	if err := j.expect(':'); err != nil {
		return err
	}
	return j.discard()
}

// expect peeks at the next byte, which must be b.
func (j *jsonText) expect(b byte) error {
	have, err := j.must()
	if err == nil && have != b {
		err = j.unexpected(have, fmt.Sprintf("%q", string(rune(b))))
	}
	return err
}

func (j *jsonText) unexpected(b byte, want string) error {
	return &placed{j.line, j.column, fmt.Errorf("broken JSON: %q where %s is expected", string(rune(b)), want)}
}

// between reads the [ or comma before an element, or the ] after the last, and
// peeks at what follows.
func (j *jsonText) between() (byte, error) {
	b, err := j.must()
	if err != nil {
		return 0, err
	}
	want := byte(',')
	if !j.begun {
		want = '['
	}
	if b == ']' && j.begun {
		j.ended = true
		return 0, j.discard()
	}
	if b != want {
		return 0, &placed{j.line, j.column, fmt.Errorf("broken JSON: %q where %q or \"]\" is expected", string(rune(b)), string(rune(want)))}
	}
	first := !j.begun
	j.begun = true
	if err := j.discard(); err != nil {
		return 0, err
	}
	b, err = j.must()
	if err == nil && b == ']' && first {
		j.ended = true
		return 0, j.discard()
	}
	return b, err
}

func (j *jsonText) discard() error {
	b, err := j.in.ReadByte()
	j.step(b)
	return err
}

// must is skipSpace where the file may not end.
func (j *jsonText) must() (byte, error) {
	b, err := j.skipSpace()
	if errors.Is(err, io.EOF) {
		return 0, &placed{j.line, j.column, fmt.Errorf("the JSON array is cut short: %w", io.ErrUnexpectedEOF)}
	}
	return b, err
}

func (j *jsonText) nothingLeft() error {
	b, err := j.skipSpace()
	if err != nil {
		return err // io.EOF, as it should be
	}
	return &placed{j.line, j.column, fmt.Errorf("broken JSON: %q after the array's end", string(rune(b)))}
}

// element reads an object to its closing brace.
func (j *jsonText) element() ([]byte, error) {
	var text []byte
	depth, quoted, escaped := 0, false, false
	line, column := j.line, j.column
	for {
		b, err := j.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, &placed{line, column, fmt.Errorf("the JSON array is cut short inside the row that begins at line %d: %w", line, io.ErrUnexpectedEOF)}
		}
		if err != nil {
			return nil, err
		}
		j.step(b)
		if text = append(text, b); len(text) > maxRow {
			return nil, &placed{line, column, fmt.Errorf("a row of more than %d MiB: is a quote or brace missing?", maxRow>>20)}
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = b == '\\', b != '"'
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			if depth--; depth == 0 {
				return text, nil
			}
		}
	}
}

// object decodes the text of a row that begins at line and column.
func object(text []byte, line, column int) (map[string]any, error) {
	if at := invalidUTF8(text); at >= 0 {
		return nil, inText(text, at, line, column, fmt.Errorf("invalid UTF-8: byte 0x%02x; the file must be UTF-8", text[at]))
	}
	var fields map[string]any
	err := json.Unmarshal(text, &fields)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at := max(0, min(int(syntax.Offset)-1, len(text)-1))
		return nil, inText(text, at, line, column, fmt.Errorf("broken JSON: %w; the row begins %s", err, beginning(text)))
	case errors.As(err, &kind):
		return nil, &placed{line, column, fmt.Errorf("a row must be an object {…}, this is %s: %s", kind.Value, beginning(text))}
	case err == nil && fields == nil:
		return nil, &placed{line, column, fmt.Errorf("a row must be an object {…}, this is null")}
	}
	return fields, err
}

func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
}

// inText places err at byte at of text, which begins at line and column.
func inText(text []byte, at, line, column int, err error) error {
	before := text[:at]
	if n := bytes.Count(before, []byte("\n")); n > 0 {
		line, column = line+n, 1
		before = before[bytes.LastIndexByte(before, '\n')+1:]
	}
	return &placed{line, column + utf8.RuneCount(before), err}
}

// beginning shows the first characters of a row.
func beginning(text []byte) string {
	const most = 50
	runes := []rune(string(bytes.TrimSpace(text[:min(len(text), 4*most)])))
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	return string(runes)
}
