package file

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aquifer-stream/aquifer/flow"
)

// cut returns the lines of a text, those that are too long marked with a "…" behind them.
func cut(t testing.TB, in io.Reader, offset int64, maxLine int) (all []string) {
	t.Helper()
	l := newLines(in, offset, maxLine)
	for {
		line, tooLong, err := l.next()
		if err == io.EOF {
			return all
		}
		must(t, err)
		s := string(line)
		if tooLong {
			s += "…"
		}
		all = append(all, s)
	}
}

func TestATextIsCutAtItsLineEnds(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "[a]", "a\n": "[a]", "\n": "[]", "\n\n": "[][]", "a\nb": "[a][b]", "a\n\nb\n": "[a][][b]",
		"a\r\nb\r\n": "[a][b]", "a\rb\n": "[a\rb]", "a\r\r\n": "[a\r]", "\r\n": "[]", "\xef\xbb\xbf\n": "[]",
		"\xef\xbb\xbfa\n\xef\xbb\xbfb": "[a][\ufeffb]", "\xef\xbba": "[\xef\xbba]",
	} {
		got := ""
		for _, line := range cut(t, strings.NewReader(text), 0, 100) {
			got += "[" + line + "]"
		}
		if got != want {
			t.Errorf("%q is cut as %q, want %q", text, got, want)
		}
	}
}

func TestAByteOrderMarkInTheMiddleIsPartOfItsLine(t *testing.T) {
	if got := cut(t, strings.NewReader("\xef\xbb\xbfa"), 10, 100); len(got) != 1 || got[0] != "\ufeffa" {
		t.Errorf("%q", got)
	}
}

func TestALineOfTheGreatestLengthIsNotTooLong(t *testing.T) {
	const buffer = 256 << 10
	for _, maxLine := range []int{1, 10, buffer - 1, buffer, buffer + 1, 3 * buffer} {
		for _, end := range []string{"\n", "\r\n", ""} {
			text := strings.Repeat("x", maxLine) + end
			if got := cut(t, strings.NewReader(text), 0, maxLine); len(got) != 1 || len(got[0]) != maxLine {
				t.Errorf("%d bytes and %q: %d lines", maxLine, end, len(got))
			}
			got := cut(t, strings.NewReader("x"+text), 0, maxLine)
			if len(got) != 1 || !strings.HasSuffix(got[0], "…") {
				t.Errorf("%d bytes and %q: %d lines, none too long", maxLine+1, end, len(got))
			}
		}
	}
}

func TestWhatComesBehindALineThatIsTooLongIsNotLost(t *testing.T) {
	text := strings.Repeat("x", 700_000) + "\nshort\n" + strings.Repeat("y", 300_000) + "\nlast"
	got := cut(t, strings.NewReader(text), 0, 1000)
	if len(got) != 4 || got[1] != "short" || got[3] != "last" {
		t.Errorf("%d lines, the second is %.20q", len(got), got[1])
	}
	for _, i := range []int{0, 2} {
		if !strings.HasSuffix(got[i], "…") {
			t.Errorf("line %d is not too long", i+1)
		}
	}
}

func TestTheOffsetIsThatOfTheNextLine(t *testing.T) {
	text := "\xef\xbb\xbfone\r\n\n" + strings.Repeat("x", 600_000) + "\nlast"
	l := newLines(strings.NewReader(text), 0, 1000)
	var offsets []int64
	for {
		offsets = append(offsets, l.offset)
		if _, _, err := l.next(); err != nil {
			break
		}
	}
	for i, want := range []int64{0, 8, 9, 600_010, 600_014} {
		if i >= len(offsets) || offsets[i] != want {
			t.Fatalf("offsets %d, want %d at %d", offsets, want, i)
		}
	}
}

func TestAnErrorInTheMiddleOfALineIsNotALine(t *testing.T) {
	l := newLines(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ab\n"))), 0, 100)
	if line, _, err := l.next(); err != iotest.ErrTimeout || line != nil {
		t.Errorf("%q, %v", line, err)
	}
}

func TestEmptyLinesAreRowsOfLinesAndOfNothingElse(t *testing.T) {
	path := write(t, t.TempDir()+"/x", "\na\n\n\nb\n\n")
	if rows, _ := readAll(t, Lines(path), 2, true); strings.Join(rows, "|") != "|a|||b|" {
		t.Errorf("lines %q", rows)
	}
	upper := func(line []byte, row *string) error { *row = strings.ToUpper(string(line)); return nil }
	if rows, _ := readAll(t, Decode(path, upper), 2, true); strings.Join(rows, "|") != "A|B" {
		t.Errorf("decoded %q", rows)
	}
	rows, bad := readAll(t, NDJSON[int](write(t, t.TempDir()+"/x", "\n1\n\r\n2\n")), 2, true)
	if len(rows) != 2 || len(bad) > 0 {
		t.Errorf("%v, bad %v", rows, bad)
	}
}

// A file of bad records only must not be one batch: the task has to come to its barriers.
func TestABatchHasNoMoreRecordsThanRoomTheBadOnesIncluded(t *testing.T) {
	s := NDJSON[row](write(t, t.TempDir()+"/x", strings.Repeat("bad\n", 1000)+"{}\n"+strings.Repeat("bad\n", 10)))
	r, err := s.Open(t.Context(), discover(t, s)[0])
	must(t, err)
	defer func() { must(t, r.Close()) }()
	rows, bad, batches := 0, 0, 0
	for status := flow.More; status == flow.More; batches++ {
		b := &flow.Batch[row]{Rows: make([]row, 0, 100)}
		status, err = r.Read(t.Context(), b)
		must(t, err)
		if len(b.Rows)+len(b.Bad) > 100 {
			t.Fatalf("%d rows and %d bad records in a batch for 100", len(b.Rows), len(b.Bad))
		}
		rows, bad = rows+len(b.Rows), bad+len(b.Bad)
	}
	if rows != 1 || bad != 1010 || batches < 11 {
		t.Errorf("%d rows, %d bad records in %d batches", rows, bad, batches)
	}
}
