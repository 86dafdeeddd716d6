package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	var b bytes.Buffer
	switch filepath.Ext(path) {
	case ".gz":
		z := gzip.NewWriter(&b)
		_, err := io.WriteString(z, text)
		must(t, errors.Join(err, z.Close()))
	case ".zst":
		z, err := zstd.NewWriter(&b)
		must(t, err)
		_, err = io.WriteString(z, text)
		must(t, errors.Join(err, z.Close()))
	default:
		b.WriteString(text)
	}
	must(t, os.WriteFile(path, b.Bytes(), 0o644))
	return path
}

// discover returns the splits of a source that knows none.
func discover[T any](t testing.TB, s flow.Source[T]) []flow.Split {
	t.Helper()
	d, err := s.Discover(t.Context(), flow.Known{Parallelism: 2, First: true, Has: func(string) bool { return false }})
	must(t, err)
	return d.Splits
}

// read reads a split to its end, in batches of a size, reopening it at its position after each batch when
// reopen is set.
func read[T any](t testing.TB, s flow.Source[T], split flow.Split, size int, reopen bool) (
	rows []T, bad []flow.BadRecord) {
	t.Helper()
	r, err := s.Open(t.Context(), split)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for {
		b := &flow.Batch[T]{Rows: make([]T, 0, size)}
		status, err := r.Read(t.Context(), b)
		must(t, err)
		rows, bad = append(rows, b.Rows...), append(bad, b.Bad...)
		if status == flow.End {
			return rows, bad
		}
		if reopen {
			split.Position = slices.Clone(r.Position())
			must(t, r.Close())
			r, err = s.Open(t.Context(), split)
			must(t, err)
		}
	}
}

// readAll reads all splits of a source.
func readAll[T any](t testing.TB, s flow.Source[T], size int, reopen bool) (rows []T, bad []flow.BadRecord) {
	t.Helper()
	for _, split := range discover(t, s) {
		r, b := read(t, s, split, size, reopen)
		rows, bad = append(rows, r...), append(bad, b...)
	}
	return rows, bad
}

func TestLinesOfEveryCompressionComeWithoutTheirEnds(t *testing.T) {
	for _, name := range []string{"a.txt", "a.txt.gz", "a.txt.zst"} {
		path := write(t, filepath.Join(t.TempDir(), name), "\xef\xbb\xbfone\r\ntwo\nthree")
		rows, _ := readAll(t, Lines(path), 2, false)
		if got := strings.Join(rows, "|"); got != "one|two|three" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// However a file is cut into chunks and wherever its reading is interrupted, each line comes once, in order.
func TestEveryLineIsReadOnceHoweverTheFileIsCut(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-z]{0,12}`), 0, 30).Draw(rt, "lines")
		end := rapid.SampledFrom([]string{"", "\n"}).Draw(rt, "end")
		ending := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "line end")
		name := rapid.SampledFrom([]string{"x.txt", "x.gz", "x.zst"}).Draw(rt, "name")
		chunk := rapid.Int64Range(1, 40).Draw(rt, "chunk")
		size := rapid.IntRange(1, 5).Draw(rt, "batch")
		path := write(t, filepath.Join(dir, name), strings.Join(lines, ending)+end)
		got, bad := readAll(t, Lines(path, ChunkSize(chunk)), size, rapid.Bool().Draw(rt, "reopen"))
		want := strings.Split(strings.Join(lines, "\n")+end, "\n")
		if want[len(want)-1] == "" { // behind the last line end there is no line
			want = want[:len(want)-1]
		}
		if len(bad) > 0 || !slices.Equal(got, want) {
			rt.Fatalf("lines %q, want %q, bad %v", got, want, bad)
		}
	})
}

type row struct {
	Name  string `json:"name" csv:"name"`
	Count int64  `json:"count" csv:"n"`
	Ratio float64
	Good  bool
	At    time.Time
	Left  string `csv:"-"`
}

func TestABadRecordIsNamedByFileLineAndOffset(t *testing.T) {
	text := "{\"name\":\"a\"}\n\n{\"name\": 7}\n{\"name\":\"b\"}\nnot json\n"
	for _, chunk := range []int64{1, 20, 1000} {
		path := write(t, filepath.Join(t.TempDir(), "x.ndjson"), text)
		rows, bad := readAll(t, NDJSON[row](path, ChunkSize(chunk)), 10, false)
		if len(rows) != 2 || rows[0].Name != "a" || rows[1].Name != "b" || len(bad) != 2 {
			t.Fatalf("chunks of %d: %v, %v", chunk, rows, bad)
		}
		for i, want := range []flow.BadRecord{
			{Split: path, Line: 3, Offset: 14, Raw: []byte("{\"name\": 7}")},
			{Split: path, Line: 5, Offset: 39, Raw: []byte("not json")},
		} {
			got := bad[i]
			if got.Reason == "" || got.Split != want.Split || got.Line != want.Line ||
				got.Offset != want.Offset || !bytes.Equal(got.Raw, want.Raw) {
				t.Errorf("chunks of %d: %+v, want %+v", chunk, got, want)
			}
		}
	}
}

func TestALineThatIsTooLongIsABadRecord(t *testing.T) {
	long := strings.Repeat("x", 600_000)
	path := write(t, filepath.Join(t.TempDir(), "x.txt"), "a\n"+long+"\nb\n")
	rows, bad := readAll(t, Lines(path, MaxLine(1000)), 10, false)
	if strings.Join(rows, " ") != "a b" || len(bad) != 1 || bad[0].Line != 2 ||
		len(bad[0].Raw) != 1000 && len(bad[0].Raw) != 4<<10 {
		t.Errorf("%d rows, %d bad", len(rows), len(bad))
	}
	rows, bad = readAll(t, Lines(path), 10, false)
	if len(rows) != 3 || rows[1] != long || len(bad) > 0 {
		t.Errorf("%d rows, %d bad", len(rows), len(bad))
	}
}

func TestCSVFillsFieldsByTheHeader(t *testing.T) {
	text := "n,other,name,good,ratio,at\n7,x,\"a,b\",true,0.5,2015-05-17T10:05:03Z\n" +
		"8,y,c,false,1e3,2015-05-17T10:05:04Z\nx,y,c,false,1,2015-05-17T10:05:04Z\n1,2\n"
	for _, chunk := range []int64{10, 1000} {
		path := write(t, filepath.Join(t.TempDir(), "x.csv"), text)
		for _, reopen := range []bool{false, true} {
			rows, bad := readAll(t, CSV[row](path, ChunkSize(chunk)), 1, reopen)
			at := time.Date(2015, 5, 17, 10, 5, 3, 0, time.UTC)
			want := []row{{Name: "a,b", Count: 7, Ratio: 0.5, Good: true, At: at},
				{Name: "c", Count: 8, Ratio: 1000, At: at.Add(time.Second)}}
			if !slices.Equal(rows, want) {
				t.Errorf("%+v, want %+v", rows, want)
			}
			if len(bad) != 2 || bad[0].Line != 4 || !strings.Contains(bad[0].Reason, "field Count") ||
				!strings.Contains(bad[1].Reason, "2 columns, the header has 6") {
				t.Errorf("chunks of %d, reopened %v: bad %+v", chunk, reopen, bad)
			}
		}
	}
}

func TestCSVOfWhatIsNotAFlatStructIsRefused(t *testing.T) {
	type nested struct{ M map[string]int }
	_, err := CSV[nested]("x").Discover(t.Context(), flow.Known{})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "field M") {
		t.Errorf("%v", err)
	}
	_, err = CSV[int]("x").Discover(t.Context(), flow.Known{})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "int is not one") {
		t.Errorf("%v", err)
	}
}

func TestAPathIsAFileAPatternOrADirectory(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"b.txt", "a.txt", "c.log", ".hidden"} {
		write(t, filepath.Join(dir, n), n+"\n")
	}
	must(t, os.Mkdir(filepath.Join(dir, "sub.txt"), 0o755))
	for path, want := range map[string]string{"a.txt": "a.txt", "*.txt": "a.txt b.txt", "": "a.txt b.txt c.log"} {
		rows, _ := readAll(t, Lines(filepath.Join(dir, path)), 10, false)
		if got := strings.Join(rows, " "); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
	for _, path := range []string{"none", "*.none", "[", "."} {
		_, err := Lines(filepath.Join(dir, "x", path)).Discover(t.Context(), flow.Known{First: true})
		if base.KindOf(err) != base.Config {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestAWatchedDirectoryGivesNewFilesOnce(t *testing.T) {
	dir := t.TempDir()
	s := Lines(filepath.Join(dir, "*.txt"), Watch(time.Second))
	known := map[string]bool{}
	find := func() (names string) {
		d, err := s.Discover(t.Context(), flow.Known{Has: func(id string) bool { return known[id] }})
		must(t, err)
		if d.Again != time.Second {
			t.Errorf("asked again after %v", d.Again)
		}
		for _, split := range d.Splits {
			known[split.ID] = true
			names += filepath.Base(split.ID) + " "
		}
		return names
	}
	for _, want := range []string{"", "a.txt ", "", "b.txt "} {
		if want != "" {
			write(t, filepath.Join(dir, strings.TrimSpace(want)), "x\n")
		}
		if got := find(); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
}

func TestAFileThatShrankIsAnError(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.txt"), "one\ntwo\n")
	s := Lines(path)
	split := discover(t, s)[0]
	write(t, path, "one\n")
	if _, err := s.Open(t.Context(), split); err == nil || !strings.Contains(err.Error(), "must not change") {
		t.Errorf("%v", err)
	}
}

func TestADamagedCompressedFileIsAnErrorThatNamesIt(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.gz"), strings.Repeat("line\n", 10_000))
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, data[:len(data)-20], 0o644))
	s := Lines(path)
	r, err := s.Open(t.Context(), discover(t, s)[0])
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for err == nil {
		_, err = r.Read(t.Context(), &flow.Batch[string]{Rows: make([]string, 0, 1000)})
	}
	if !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func TestStandardInputComesAsItIsTyped(t *testing.T) {
	in, out := io.Pipe()
	s := &Stdin[string]{newSource("-", false, func() decoder[string] {
		return decoder[string]{row: func(line []byte, row *string) error { *row = string(line); return nil }}
	}, nil), in}
	if s.NotReplayable() == "" {
		t.Error("standard input is said to be replayable")
	}
	r, err := s.Open(t.Context(), discover[string](t, s)[0])
	must(t, err)
	b := &flow.Batch[string]{Rows: make([]string, 0, 10)}
	if status, err := r.Read(t.Context(), b); status != flow.Wait || err != nil {
		t.Fatal(status, err)
	}
	_, err = io.WriteString(out, "one\ntwo\n")
	must(t, err)
	must(t, out.Close())
	for status := flow.Wait; status != flow.End; {
		<-r.Ready()
		status, err = r.Read(t.Context(), b)
		must(t, err)
	}
	if got := strings.Join(b.Rows, " "); got != "one two" {
		t.Errorf("%q", got)
	}
	must(t, r.Close())
}

// visible are the files that a reader of a directory sees, with their text.
func visible(t testing.TB, dir string) (text string) {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, staging) {
			return err
		}
		b, err := os.ReadFile(path)
		sub, _ := filepath.Rel(dir, filepath.Dir(path))
		all = append(all, fmt.Sprintf("%s: %s", filepath.ToSlash(sub), b))
		return err
	}))
	slices.Sort(all)
	return strings.Join(all, "")
}

func openWriter[T any](t testing.TB, s *Sink[T], incarnation string) flow.Writer[T] {
	t.Helper()
	w, err := s.Open(t.Context(), flow.SinkSubtask{Parallelism: 1, Incarnation: incarnation})
	must(t, err)
	return w
}

func writeRows[T any](t testing.TB, w flow.Writer[T], rows ...T) {
	t.Helper()
	must(t, w.Write(t.Context(), &flow.Batch[T]{Rows: rows}))
}

func prepare[T any](t testing.TB, w flow.Writer[T]) []byte {
	t.Helper()
	p, err := w.Prepare(t.Context(), 1)
	must(t, err)
	return p.Committable
}

func text(dst []byte, s *string) []byte { return append(dst, *s...) }

func TestRowsAreVisibleWhenCommittedAndNotBefore(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text)
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, "a", "b")
	first := prepare(t, w)
	writeRows(t, w, "c")
	if got := visible(t, dir); got != "" {
		t.Errorf("visible before the commit: %q", got)
	}
	for range 3 { // committing again changes nothing
		must(t, s.Commit(t.Context(), [][]byte{first}))
		if got := visible(t, dir); got != ".: a\nb\n" {
			t.Errorf("visible: %q", got)
		}
	}
	must(t, w.Close(t.Context()))
	if c := prepare(t, openWriter(t, s, "1-2")); c != nil {
		t.Errorf("nothing was written, and %q prepared", c)
	}
}

// A crash after any step is followed by a recovery in another process: what was prepared for the restored
// checkpoint is there, once, and nothing else is.
func TestRecoveryCommitsTheCheckpointAndSweepsTheRest(t *testing.T) {
	for renamed := range 3 {
		dir := t.TempDir()
		s := WriteText(dir, text, MaxFileSize[string](1)) // a file for each row
		must(t, s.Recover(t.Context(), nil))
		w := openWriter(t, s, "1-1")
		writeRows(t, w, "a", "b")
		committable := prepare(t, w)
		writeRows(t, w, "lost")
		must(t, w.Close(t.Context()))
		names, err := filepath.Glob(filepath.Join(dir, staging, "*"))
		must(t, err)
		for _, n := range names[:renamed] { // the crash came in the middle of the commit
			must(t, os.Rename(n, filepath.Join(dir, filepath.Base(n))))
		}
		other := WriteText(dir, text)
		must(t, other.Recover(t.Context(), [][]byte{committable}))
		if got := visible(t, dir); got != ".: a\n.: b\n" {
			t.Errorf("after %d renames: %q", renamed, got)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, staging, "*")); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
}

func TestAFileThatSomebodyRemovedIsAnError(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text)
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, "a")
	c := prepare(t, w)
	must(t, os.RemoveAll(filepath.Join(dir, staging)))
	if err := s.Commit(t.Context(), [][]byte{c}); err == nil || !strings.Contains(err.Error(), "removed or renamed") {
		t.Errorf("%v", err)
	}
}

func TestPartitionsAreDirectories(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text, PartitionBy(func(s *string) string { return "first=" + (*s)[:1] }))
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, "apple", "bean", "avocado")
	must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
	if got := visible(t, dir); got != "first=a: apple\navocado\nfirst=b: bean\n" {
		t.Errorf("%q", got)
	}
	for _, path := range []string{"/abs", "../up", "a/../b", ".hidden", "a//b", "a\x00"} {
		if err := checkPartition(path); err == nil {
			t.Errorf("%q was taken as a partition", path)
		}
	}
}

func TestManyPartitionsDoNotNeedManyOpenFiles(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text, PartitionBy(func(s *string) string { return *s }))
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	for range 2 {
		for i := range 3 * maxOpen {
			writeRows(t, w, fmt.Sprintf("p%d", i))
		}
	}
	if n := len(w.(*writer[string]).order); n > maxOpen {
		t.Errorf("%d files are open", n)
	}
	must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
	if got := strings.Count(visible(t, dir), "\n"); got != 6*maxOpen {
		t.Errorf("%d rows, want %d", got, 6*maxOpen)
	}
}

func TestWhatASinkWritesASourceReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var rows []row
	for i := range 500 {
		rows = append(rows, row{Name: fmt.Sprintf("n,\"%d", i), Count: rng.Int64() - rng.Int64(), Ratio: rng.Float64(),
			Good: i%2 == 0, At: time.UnixMilli(rng.Int64N(1e12)).UTC()})
	}
	for _, method := range []string{"", "gzip", "zstd"} {
		dir := t.TempDir()
		csv, json := filepath.Join(dir, "csv"), filepath.Join(dir, "json")
		for _, s := range []*Sink[row]{
			WriteCSV(csv, Compress[row](method), MaxFileSize[row](5000)),
			WriteNDJSON(json, Compress[row](method)),
		} {
			must(t, s.Recover(t.Context(), nil))
			w := openWriter(t, s, "1-1")
			writeRows(t, w, rows...)
			must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
		}
		for name, source := range map[string]flow.Source[row]{"csv": CSV[row](csv), "json": NDJSON[row](json)} {
			got, bad := readAll(t, source, 100, true)
			if !slices.Equal(got, rows) || len(bad) > 0 {
				t.Errorf("%s, compressed by %q: %d rows, %d bad", name, method, len(got), len(bad))
			}
		}
	}
}

func TestAnUnknownCompressionOrAnUnwritableDirectoryIsAConfigurationError(t *testing.T) {
	err := WriteText(t.TempDir(), text, Compress[string]("rar")).Recover(t.Context(), nil)
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	file := write(t, filepath.Join(t.TempDir(), "file"), "")
	if err := WriteText(file, text).Recover(context.Background(), nil); base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\nc"), int64(3))
	f.Add([]byte("\xef\xbb\xbfx\n"), int64(1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, chunk int64) {
		path := filepath.Join(dir, "x.txt")
		must(t, os.WriteFile(path, data, 0o644))
		whole, _ := readAll(t, Lines(path), 1000, false)
		cut, _ := readAll(t, Lines(path, ChunkSize(1+(chunk&0xff))), 3, true)
		if !slices.Equal(whole, cut) {
			t.Errorf("%q in chunks of %d: %q, whole: %q", data, 1+(chunk&0xff), cut, whole)
		}
	})
}
