package file

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestMistakesAboutOutputAreFoundBeforeAnythingIsWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	for want, s := range map[string]*Sink[row]{
		`no compression "lz4"`:        WriteNDJSON(dir, Compress[row]("lz4")),
		`no compression "GZIP"`:       WriteCSV(dir, Compress[row]("GZIP")),
		"largest file size 0 must be": WriteCSV(dir, MaxFileSize[row](0)),
		"largest file size -1 must":   WriteNDJSON(dir, MaxFileSize[row](-1)),
	} {
		err := s.Recover(t.Context(), nil)
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory was made")
	}
}

func TestAnOutputDirectoryThatCannotBeMadeIsAMistake(t *testing.T) {
	occupied := write(t, filepath.Join(t.TempDir(), "file"), "")
	err := WriteText(filepath.Join(occupied, "out"), text).Recover(t.Context(), nil)
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "output directory") {
		t.Errorf("%v", err)
	}
}

func TestAFileIsEndedWhenItHasGrown(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text, MaxFileSize[string](10))
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, "1234", "5678", "a", "b", "0123456789 and more", "c")
	must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
	if got := visible(t, dir); got != ".: 1234\n5678\n.: a\nb\n0123456789 and more\n.: c\n" {
		t.Errorf("%q", got)
	}
}

func TestEveryFileOfCSVHasTheHeader(t *testing.T) {
	type pair struct {
		A int `csv:"a"`
		B string
	}
	dir := t.TempDir()
	s := WriteCSV(dir, MaxFileSize[pair](1))
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, pair{1, "x"}, pair{2, "y,z"})
	must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
	if got := visible(t, dir); got != ".: a,B\n1,x\n.: a,B\n2,\"y,z\"\n" {
		t.Errorf("%q", got)
	}
}

func TestEachCheckpointHasFilesOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text)
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	var lists [][]byte
	for i := range 3 {
		writeRows(t, w, fmt.Sprint("row ", i))
		lists = append(lists, prepare(t, w))
	}
	if again := prepare(t, w); again != nil {
		t.Errorf("a checkpoint without rows has %q to commit", again)
	}
	slices.Reverse(lists) // commits are not always in order
	for i, list := range lists {
		must(t, s.Commit(t.Context(), [][]byte{list}))
		if got := strings.Count(visible(t, dir), "\n"); got != i+1 {
			t.Errorf("%d rows after %d commits", got, i+1)
		}
	}
}

func TestWritersOfOneSinkDoNotTakeEachOthersNames(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text)
	must(t, s.Recover(t.Context(), nil))
	var lists [][]byte
	for _, incarnation := range []string{"1-1", "1-2", "2-1"} {
		for subtask := range 3 {
			w, err := s.Open(t.Context(), flow.SinkSubtask{Subtask: subtask, Parallelism: 3, Incarnation: incarnation})
			must(t, err)
			writeRows(t, w, fmt.Sprint(incarnation, "/", subtask))
			lists = append(lists, prepare(t, w))
		}
	}
	must(t, s.Commit(t.Context(), lists))
	if got := strings.Count(visible(t, dir), "\n"); got != 9 {
		t.Errorf("%d rows are visible, want 9", got)
	}
}

func TestOneCommitMayHaveTheFilesOfManyWriters(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text, PartitionBy(func(s *string) string { return "a/b/" + *s }))
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, "x", "y", "x")
	list := prepare(t, w)
	must(t, s.Commit(t.Context(), [][]byte{list}))
	if got := visible(t, dir); got != "a/b/x: x\nx\na/b/y: y\n" {
		t.Errorf("%q", got)
	}
}

func TestAListThatIsNoneIsDamage(t *testing.T) {
	s := WriteText(t.TempDir(), text)
	must(t, s.Recover(t.Context(), nil))
	for _, list := range []string{"", "not json", `{"from":"x"}`} {
		if err := s.Commit(t.Context(), [][]byte{[]byte(list)}); base.KindOf(err) != base.Corrupt {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestACommitEndsWithItsContextAndCanBeRepeated(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text)
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, "a")
	list := prepare(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx, [][]byte{list}); !errors.Is(err, context.Canceled) || visible(t, dir) != "" {
		t.Errorf("%v, visible %q", err, visible(t, dir))
	}
	must(t, s.Commit(t.Context(), [][]byte{list}))
	if got := visible(t, dir); got != ".: a\n" {
		t.Errorf("%q", got)
	}
}

func TestARowThatCannotBeEncodedIsAnErrorThatShowsIt(t *testing.T) {
	s := WriteNDJSON[row](t.TempDir())
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	err := w.Write(t.Context(), &flow.Batch[row]{Rows: []row{{Name: "the name", Ratio: math.NaN()}}})
	if err == nil || !strings.Contains(err.Error(), "the name") || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("%v", err)
	}
	must(t, w.Close(t.Context()))
}

func TestAPartitionThatIsNoPathIsAnErrorOfItsRow(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text, PartitionBy(func(s *string) string { return *s }))
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	for _, bad := range []string{"..", ".staging", "a/", "/", "a\\b", "a/.b"} {
		err := w.Write(t.Context(), &flow.Batch[string]{Rows: []string{bad}})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	writeRows(t, w, "", "good") // an empty path is the directory itself
	must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
	if got := visible(t, dir); got != ".: \ngood: good\n" {
		t.Errorf("%q", got)
	}
}

func TestAWriterOfADirectoryThatWasRemovedFails(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text)
	must(t, s.Recover(t.Context(), nil))
	must(t, os.RemoveAll(filepath.Join(dir, staging)))
	w := openWriter(t, s, "1-1")
	if err := w.Write(t.Context(), &flow.Batch[string]{Rows: []string{"a"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestAClosedWriterLeavesNothingVisibleAndNothingOpen(t *testing.T) {
	dir := t.TempDir()
	s := WriteText(dir, text, PartitionBy(func(s *string) string { return *s }))
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, "a", "b")
	must(t, w.Close(t.Context()))
	if got := visible(t, dir); got != "" {
		t.Errorf("%q", got)
	}
	if err := w.Close(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("its files are still open: %v", err)
	}
}

func TestTextIsAsTheFunctionAppendsIt(t *testing.T) {
	for method, suffix := range map[string]string{"": ".txt", "gzip": ".txt.gz", "zstd": ".txt.zst"} {
		dir := t.TempDir()
		angled := func(dst []byte, n *int) []byte { return fmt.Appendf(dst, "<%d>", *n) }
		s := WriteText(dir, angled, Compress[int](method))
		must(t, s.Recover(t.Context(), nil))
		w := openWriter(t, s, "1-1")
		writeRows(t, w, 1, 2)
		must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
		if files, _ := filepath.Glob(filepath.Join(dir, "part-*"+suffix)); len(files) != 1 {
			t.Errorf("%s: %q", method, files)
		}
		if rows, _ := readAll(t, Lines(dir), 10, false); strings.Join(rows, "") != "<1><2>" {
			t.Errorf("%s: %q", method, rows)
		}
	}
}
