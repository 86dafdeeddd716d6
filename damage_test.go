package aquifer

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
)

// rounds is a job that counts two numbers, in as many rounds as it is run; each run but the last ends with a
// checkpoint.
func rounds(p *pause, round int, sink *collected[string]) *Job {
	var steps []step[int64]
	for i := range 4 {
		steps = append(steps, each[int64](7, 8)...)
		if i == round {
			steps = append(steps, here[int64](p))
		} else {
			steps = append(steps, step[int64]{})
		}
	}
	job := NewJob("rounds")
	s := From(job, "numbers", oneSplit(steps...))
	counts := Process(KeyBy(s, identity), "count", func() ProcessFunc[int64, string] { return &counter{} })
	To(counts, "out", sink)
	return job
}

// history is a state directory with checkpoints 1, 2 and 3. The tables are what each of them added.
type history struct {
	dir    string
	tables map[int]string
	sink   *collected[string]
}

func newHistory(t *testing.T) history {
	t.Helper()
	h := history{t.TempDir(), map[int]string{}, newCollected[string]()}
	known := map[string]bool{}
	for round := range 3 {
		p := newPause()
		mustRun(t, rounds(p, round, h.sink), RunOptions{
			State: h.dir, Stop: p.stop, Parallelism: 1, CheckpointInterval: -1,
		})
		for _, name := range h.glob(t, "shards/*/*.table") {
			if !known[name] {
				known[name], h.tables[round+1] = true, name
			}
		}
	}
	if len(known) != 3 || len(h.tables) != 3 {
		t.Fatalf("tables %v", known)
	}
	return h
}

// glob returns the names of objects.
func (h history) glob(t *testing.T, pattern string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(h.dir, pattern))
	for _, p := range paths {
		name, relErr := filepath.Rel(h.dir, p)
		if err = relErr; err != nil {
			break
		}
		names = append(names, filepath.ToSlash(name))
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// manifest is the name of a checkpoint's manifest.
func (h history) manifest(t *testing.T, checkpoint int) string {
	t.Helper()
	names := h.glob(t, fmt.Sprintf("checkpoints/%020d-*.manifest", checkpoint))
	if len(names) != 1 {
		t.Fatalf("manifests of checkpoint %d: %v", checkpoint, names)
	}
	return names[0]
}

// change rewrites an object, or removes it if the change returns nil.
func (h history) change(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(h.dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if data = change(data); data == nil {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// resume runs the job to its end from the given checkpoint, 0 for the latest.
func (h history) resume(t *testing.T, from uint64) error {
	t.Helper()
	_, err := rounds(nil, -1, h.sink).Run(t.Context(), RunOptions{
		State: h.dir, From: from, Parallelism: 1, Restarts: -1,
	})
	return err
}

// What can happen to an object: a bit flips, the end is lost, it is gone.
func flip(data []byte) []byte     { data[len(data)/2] ^= 4; return data }
func truncate(data []byte) []byte { return data[:len(data)-3] }
func remove([]byte) []byte        { return nil }

// A table is read when its state is needed, and not before.
func TestADamagedTableIsNamedAndSoIsTheCheckpointToGoBackTo(t *testing.T) {
	for _, c := range []struct {
		change func([]byte) []byte
		want   string
	}{{flip, " is damaged: "}, {remove, " is missing"}} {
		h := newHistory(t)
		h.change(t, h.tables[3], c.change)
		err := h.resume(t, 0)
		if base.KindOf(err) != base.Corrupt {
			t.Errorf("%v", err)
		}
		wantError(t, err, `operator "count": read state: table `, h.tables[3]+c.want,
			"; checkpoint 2 is whole: to go back to it, run with --from 2")
		if err := h.resume(t, 2); err != nil {
			t.Error(err)
		}
		last := h.sink.rows()[len(h.sink.rows())-2:]
		wantRows(t, sorted(last), "7 has come 4 times", "8 has come 4 times")
	}
}

func TestATableThatHasLostItsEndIsNamed(t *testing.T) {
	h := newHistory(t)
	h.change(t, h.tables[3], truncate)
	wantError(t, h.resume(t, 0), `operator "count": read state: `, h.tables[3])
	if err := h.resume(t, 2); err != nil {
		t.Error(err)
	}
}

func TestACheckpointThatSharesTheDamagedTableIsNotOffered(t *testing.T) {
	h := newHistory(t)
	h.change(t, h.tables[2], flip)
	wantError(t, h.resume(t, 0), "table "+h.tables[2]+" is damaged", "; checkpoint 1 is whole", "--from 1")
	h.change(t, h.tables[1], flip)
	wantError(t, h.resume(t, 0), " is damaged", "; no earlier checkpoint is whole")
}

func TestADamagedManifestIsNamedAndSoIsTheCheckpointToGoBackTo(t *testing.T) {
	for _, c := range []struct {
		change func([]byte) []byte
		want   string
	}{
		{flip, ": damaged: its checksum is "}, {truncate, ": damaged: it has "},
		{func([]byte) []byte { return []byte("nonsense") }, ": damaged: it does not begin with a line"},
		{remove, " is missing from "},
	} {
		h := newHistory(t)
		name := h.manifest(t, 3)
		h.change(t, name, c.change)
		err := h.resume(t, 0)
		if base.KindOf(err) != base.Corrupt {
			t.Errorf("%v", err)
		}
		wantError(t, err, "manifest "+name, h.dir, c.want,
			"; checkpoint 2 is whole: to go back to it, run with --from 2")
		if err := h.resume(t, 2); err != nil {
			t.Error(err)
		}
	}
}

func TestWhenNothingIsWholeTheErrorSaysSo(t *testing.T) {
	h := newHistory(t)
	for checkpoint := range 3 {
		h.change(t, h.manifest(t, checkpoint+1), flip)
	}
	wantError(t, h.resume(t, 0), "manifest "+h.manifest(t, 3), "; there is no earlier checkpoint")
}

func TestAManifestOfANewerFormatIsRefusedAndNothingIsTouched(t *testing.T) {
	h := newHistory(t)
	name := h.manifest(t, 3)
	h.change(t, name, func(data []byte) []byte {
		return bytes.Replace(data, formatted(checkpoint.Format), formatted(checkpoint.Format+1), 1)
	})
	before := h.content(t)
	err := h.resume(t, 0)
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	wantError(t, err, name, fmt.Sprintf("written in format %d, of a newer version of Aquifer; this one reads up to format %d",
		checkpoint.Format+1, checkpoint.Format))
	if after := h.content(t); after != before {
		t.Error("the state was touched")
	}
}

// formatted is what a manifest of a format begins with.
func formatted(format int) []byte { return fmt.Appendf(nil, `{"format":%d,`, format) }

// content is all that is in the state directory, as text.
func (h history) content(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "lock" {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s: %q\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestADamagedHeadIsNamed(t *testing.T) {
	for _, change := range []func([]byte) []byte{flip, truncate} {
		h := newHistory(t)
		h.change(t, "head", change)
		err := h.resume(t, 0)
		if base.KindOf(err) != base.Corrupt {
			t.Errorf("%v", err)
		}
		wantError(t, err, "head in "+h.dir+": damaged")
	}
}

func TestACheckpointThatIsNotThereIsRefusedWithThoseThatAre(t *testing.T) {
	h := newHistory(t)
	err := h.resume(t, 9)
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	wantError(t, err, h.dir+" has no checkpoint 9: it has 1, 2, 3")
}

func TestAStateDirectoryThatCannotBeUsedIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := rounds(nil, -1, newCollected[string]()).Run(t.Context(), RunOptions{State: dir})
		if base.KindOf(err) != base.Config {
			t.Errorf("%v", err)
		}
		wantError(t, err, "state directory "+dir+" cannot be used", "not a directory")
	}
}

func newCounter() ProcessFunc[int64, string] { return &counter{} }
