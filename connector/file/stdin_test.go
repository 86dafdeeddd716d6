package file

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// typing is standard input with a text, for one of the sources of this package.
func typing[T any](t testing.TB, source flow.Source[T], in io.Reader) *Stdin[T] {
	t.Helper()
	s, ok := source.(*Stdin[T])
	if !ok {
		t.Fatalf("%T is not standard input", source)
	}
	s.in = in
	return s
}

// readTypedAll reads to the end, in batches of a size.
func readTypedAll[T any](t testing.TB, s *Stdin[T], size int) (rows []T, bad []flow.BadRecord, err error) {
	t.Helper()
	r, err := s.Open(t.Context(), flow.Split{ID: "-"})
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for {
		b := &flow.Batch[T]{Rows: make([]T, 0, size)}
		status, err := r.Read(t.Context(), b)
		if n := len(b.Rows) + len(b.Bad); n > size {
			t.Errorf("%d records came in a batch for %d", n, size)
		}
		rows, bad = append(rows, b.Rows...), append(bad, b.Bad...)
		if err != nil || status == flow.End {
			return rows, bad, err
		}
		if status == flow.Wait {
			select {
			case <-r.Ready():
			case <-t.Context().Done():
				t.Fatal("the end of the input was not announced")
			}
		}
	}
}

func TestStandardInputHasTheLinesThatAFileWouldHave(t *testing.T) {
	long := strings.Repeat("long ", 100_000)
	for _, text := range []string{
		"", "\n", "a", "a\n", "a\n\nb\n", "\n\n\n", "a\r\nb\r\n", "\xef\xbb\xbfa\nb",
		long + "\nb\n" + long, strings.Repeat("x\n", 5000),
	} {
		path := write(t, t.TempDir()+"/x.txt", text)
		want, _ := readAll(t, Lines(path), 100, false)
		for _, size := range []int{1, 7, 4096} {
			got, bad, err := readTypedAll(t, typing(t, Lines("-"), strings.NewReader(text)), size)
			if err != nil || len(bad) > 0 || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("%.20q: %d lines, %d bad, %v; want %d lines", text, len(got), len(bad), err, len(want))
			}
		}
	}
}

func TestStandardInputComesInAnyPieces(t *testing.T) {
	text := "one\n\ntwo\r\nthree"
	for name, in := range map[string]io.Reader{
		"byte by byte":          iotest.OneByteReader(strings.NewReader(text)),
		"halves":                iotest.HalfReader(strings.NewReader(text)),
		"the end with the text": iotest.DataErrReader(strings.NewReader(text)),
	} {
		got, _, err := readTypedAll(t, typing(t, Lines("-"), in), 2)
		if err != nil || strings.Join(got, "|") != "one||two|three" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// The announcement of the end and the end itself must not be told apart, however the goroutines run.
func TestTheEndOfStandardInputIsAlwaysAnnounced(t *testing.T) {
	for range 2000 {
		got, _, err := readTypedAll(t, typing(t, Lines("-"), strings.NewReader("a\nb\n")), 10)
		if err != nil || len(got) != 2 {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestAnErrorOfStandardInputFailsTheRead(t *testing.T) {
	broken := errors.New("the terminal is gone")
	in := io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken))
	got, _, err := readTypedAll(t, typing(t, Lines("-"), in), 10)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "standard input") || strings.Join(got, " ") != "a" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestABadRecordOfStandardInputIsNamedAsThatOfAFile(t *testing.T) {
	text := "{\"name\":\"a\"}\r\n\n{\"name\": 7}\nnot json\n{\"name\":\"b\"}\n"
	path := write(t, t.TempDir()+"/x.ndjson", text)
	_, want := readAll(t, NDJSON[row](path), 10, false)
	rows, got, err := readTypedAll(t, typing(t, NDJSON[row]("-"), strings.NewReader(text)), 10)
	must(t, err)
	if len(rows) != 2 || len(got) != 2 || len(want) != 2 {
		t.Fatalf("%v, bad %v, want %v", rows, got, want)
	}
	for i := range want {
		want[i].Split = "standard input"
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want[i]) {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}

func TestALineOfStandardInputThatIsTooLongIsABadRecordToo(t *testing.T) {
	for _, length := range []int{1001, 300_000, 900_000} { // a little, more than a buffer, several of them
		text := "a\n" + strings.Repeat("x", length) + "\nb\n"
		rows, bad, err := readTypedAll(t, typing(t, Lines("-", MaxLine(1000)), strings.NewReader(text)), 10)
		must(t, err)
		if strings.Join(rows, " ") != "a b" || len(bad) != 1 || bad[0].Line != 2 || bad[0].Offset != 2 {
			t.Fatalf("%d: %d rows, %d bad", length, len(rows), len(bad))
		}
		if !strings.Contains(bad[0].Reason, "longer than 1000 bytes") || len(bad[0].Raw) > 4<<10 {
			t.Errorf("%s, %d bytes", bad[0].Reason, len(bad[0].Raw))
		}
	}
}

func TestCSVOfStandardInputHasAHeader(t *testing.T) {
	text := "n,name\n1,a\n\nx,b\n2,\"c,d\"\n"
	rows, bad, err := readTypedAll(t, typing(t, CSV[row]("-"), strings.NewReader(text)), 1)
	must(t, err)
	if len(rows) != 2 || rows[0].Name != "a" || rows[1].Name != "c,d" || len(bad) != 1 || bad[0].Line != 4 {
		t.Errorf("%+v, bad %+v", rows, bad)
	}
}

func TestAHeaderOfStandardInputThatFitsNothingIsAnError(t *testing.T) {
	for _, header := range []string{"what,else", "\"open", ""} {
		rows, bad, err := readTypedAll(t, typing(t, CSV[row]("-"), strings.NewReader(header+"\n1,a\n")), 10)
		if err == nil || !strings.Contains(err.Error(), "standard input: line 1, the header") || len(rows)+len(bad) > 0 {
			t.Errorf("%q: %v, %v, %v", header, rows, bad, err)
		}
	}
}

func TestStandardInputIsOneSplitOnce(t *testing.T) {
	s := typing(t, Lines("-"), strings.NewReader(""))
	splits := discover[string](t, s)
	if len(splits) != 1 || !splits[0].Bounded || splits[0].ID != "-" {
		t.Fatalf("%+v", splits)
	}
	d, err := s.Discover(t.Context(), flow.Known{Has: func(string) bool { return true }})
	if err != nil || len(d.Splits) != 0 || d.Again != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestMistakesAboutStandardInputAreFoundToo(t *testing.T) {
	_, err := Lines("-", MaxLine(0)).Discover(t.Context(), flow.Known{Has: func(string) bool { return false }})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "longest line 0") {
		t.Errorf("%v", err)
	}
}

func TestAReaderOfStandardInputCanBeClosedTwiceAndBeforeTheEnd(t *testing.T) {
	in, out := io.Pipe()
	s := typing(t, Lines("-"), in)
	r, err := s.Open(t.Context(), flow.Split{ID: "-"})
	must(t, err)
	must(t, r.Close())
	must(t, r.Close())
	// The goroutine ends with the next lines, however many there are.
	for range 10 {
		if _, err := io.WriteString(out, "x\n"); err != nil {
			break
		}
		must(t, in.Close())
	}
}
