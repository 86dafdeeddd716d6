package file

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

func none(string) bool { return false }

func TestOptionsOutOfRangeAreMistakes(t *testing.T) {
	path := write(t, t.TempDir()+"/x", "a\n")
	for _, o := range []Option{ChunkSize(0), ChunkSize(-1), MaxLine(0), MaxLine(-5), Watch(-time.Second)} {
		_, err := Lines(path, o).Discover(t.Context(), flow.Known{First: true, Has: none})
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "must be positive") {
			t.Errorf("%v", err)
		}
	}
}

func TestSplitsCoverAFileWithoutGapOrOverlap(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 11, 20, 95} {
		path := write(t, t.TempDir()+"/x", strings.Repeat("x", size))
		s := newSource(path, false, undecoded, []Option{ChunkSize(10)})
		end := int64(0)
		splits, err := s.splits(path, flow.Known{Has: none})
		must(t, err)
		for i, split := range splits {
			c := parseChunk(t, split)
			if c.From != end || c.Path != path || c.Size != int64(size) || !split.Bounded {
				t.Errorf("%d bytes: %+v behind %d", size, c, end)
			}
			if last := i == len(splits)-1; last != (c.To == 0) || !last && c.To-c.From != 10 {
				t.Errorf("%d bytes: %+v", size, c)
			}
			end = c.To
		}
		if want := max(1, (size+9)/10); len(splits) != want {
			t.Errorf("%d bytes: %d splits, want %d", size, len(splits), want)
		}
	}
}

func undecoded() decoder[string] { return decoder[string]{} }

func parseChunk(t *testing.T, split flow.Split) (c chunk) {
	t.Helper()
	must(t, json.Unmarshal(split.Spec, &c))
	return c
}

func TestACompressedFileIsOneSplit(t *testing.T) {
	for _, name := range []string{"x.gz", "x.zst"} {
		path := write(t, filepath.Join(t.TempDir(), name), strings.Repeat("line\n", 10_000))
		if splits := discover(t, Lines(path, ChunkSize(10))); len(splits) != 1 || splits[0].ID != path {
			t.Errorf("%+v", splits)
		}
	}
}

func TestAFileThatIsKnownIsNotFoundAgain(t *testing.T) {
	path := write(t, t.TempDir()+"/x", strings.Repeat("x\n", 50))
	s := Lines(path, ChunkSize(10))
	d, err := s.Discover(t.Context(), flow.Known{Has: func(id string) bool { return id == path }})
	if err != nil || len(d.Splits) > 0 {
		t.Errorf("%+v, %v", d, err)
	}
	splits := discover(t, s)
	if len(splits) != 10 || splits[0].ID != path || splits[3].ID != path+"+30" {
		t.Errorf("%d splits", len(splits))
	}
}

func TestAPatternThatMatchesNothingIsAMistakeOnlyAtTheBeginning(t *testing.T) {
	pattern := filepath.Join(t.TempDir(), "*.none")
	for _, c := range []struct {
		first   bool
		options []Option
		refused bool
	}{{true, nil, true}, {false, nil, false}, {true, []Option{Watch(time.Second)}, false}} {
		d, err := Lines(pattern, c.options...).Discover(t.Context(), flow.Known{First: c.first, Has: none})
		if (err != nil) != c.refused || len(d.Splits) > 0 {
			t.Errorf("%+v: %+v, %v", c, d, err)
		}
	}
}

func TestAnEmptyDirectoryIsNoInput(t *testing.T) {
	dir := t.TempDir()
	_, err := Lines(dir).Discover(t.Context(), flow.Known{First: true, Has: none})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
}

func TestAPathWithTheSignsOfAPatternIsAFileIfThereIsOne(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "log[1].txt"), "a\n")
	if rows, _ := readAll(t, Lines(path), 10, false); strings.Join(rows, "") != "a" {
		t.Errorf("%q", rows)
	}
}

func TestASplitOfAnotherFormatIsDamage(t *testing.T) {
	s := Lines(write(t, t.TempDir()+"/x", "a\n"))
	if _, err := s.Open(t.Context(), flow.Split{ID: "x", Spec: []byte("?")}); base.KindOf(err) != base.Corrupt {
		t.Errorf("%v", err)
	}
	split := discover(t, s)[0]
	split.Position = []byte("here")
	_, err := s.Open(t.Context(), split)
	if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), `"here" is not an offset`) {
		t.Errorf("%v", err)
	}
}

func TestAFileThatWasRemovedIsAnErrorThatNamesIt(t *testing.T) {
	path := write(t, t.TempDir()+"/x.txt", "a\n")
	s := Lines(path)
	split := discover(t, s)[0]
	must(t, os.Remove(path))
	if _, err := s.Open(t.Context(), split); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func TestAFileThatGrewIsReadToItsEnd(t *testing.T) {
	path := write(t, t.TempDir()+"/x.txt", "a\n")
	s := Lines(path)
	split := discover(t, s)[0]
	write(t, path, "a\nb\n")
	if rows, _ := read(t, s, split, 10, false); strings.Join(rows, " ") != "a b" {
		t.Errorf("%q", rows)
	}
}

func TestWhatIsNotCompressedDespiteItsNameIsAnError(t *testing.T) {
	for _, name := range []string{"x.gz", "x.zst"} {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, []byte("plain text\n"), 0o644))
		s := Lines(path)
		r, err := s.Open(t.Context(), discover(t, s)[0])
		if err == nil {
			_, err = r.Read(t.Context(), &flow.Batch[string]{Rows: make([]string, 0, 10)})
			must(t, r.Close())
		}
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}

func TestAPositionBehindTheEndOfACompressedFileIsAnError(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.gz"), "a\nb\n")
	s := Lines(path)
	split := discover(t, s)[0]
	split.Position = []byte("100")
	_, err := s.Open(t.Context(), split)
	if err == nil || !strings.Contains(err.Error(), "ends after 4 bytes of text, before the position 100") {
		t.Errorf("%v", err)
	}
}

func TestADeviceIsNoInputFile(t *testing.T) {
	if _, err := os.Stat(os.DevNull); err != nil {
		return
	}
	_, err := Lines(os.DevNull).Discover(t.Context(), flow.Known{First: true, Has: none})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), os.DevNull+" is not a regular file") {
		t.Errorf("%v", err)
	}
}

func TestALinkToAFileIsReadAsTheFile(t *testing.T) {
	dir := t.TempDir()
	file, link := write(t, filepath.Join(dir, "file"), "a\n"), filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		return // not to be had on this system
	}
	if rows, _ := readAll(t, Lines(link), 10, false); strings.Join(rows, "") != "a" {
		t.Errorf("%q", rows)
	}
}

func TestAFileThatGoesAfterItWasListedIsNoInput(t *testing.T) {
	s := Lines(t.TempDir()).(*Source[string])
	gone := filepath.Join(t.TempDir(), "gone")
	if splits, err := s.splits(gone, flow.Known{Has: none}); err != nil || len(splits) > 0 {
		t.Errorf("%+v, %v", splits, err)
	}
	below := filepath.Join(write(t, filepath.Join(t.TempDir(), "file"), "x"), "below")
	if _, err := s.splits(below, flow.Known{Has: none}); base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	known := flow.Known{Has: func(string) bool { return true }}
	if splits, err := s.splits(below, known); err != nil || len(splits) > 0 {
		t.Errorf("a file that is known is looked at: %+v, %v", splits, err)
	}
}
