package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/flow"
)

// Poems is a source of lines that are there already. Each poem is a split, so several can be read at once.
type Poems map[string]string

// Discover returns the poems that are not known yet.
func (p Poems) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	var d flow.Discovery
	for title := range p {
		if !known.Has(title) {
			d.Splits = append(d.Splits, flow.Split{ID: title, Bounded: true})
		}
	}
	return d, nil // without Again: there will be no more
}

// Open reads a poem from the line that a reader before this one had come to.
func (p Poems) Open(_ context.Context, split flow.Split) (flow.Reader[string], error) {
	r := &poemReader{lines: strings.Split(p[split.ID], "\n")}
	if split.Position != nil {
		if err := json.Unmarshal(split.Position, &r.next); err != nil {
			return nil, flow.CorruptErrorf("position %q is not a line: %w", split.Position, err)
		}
	}
	return r, nil
}

type poemReader struct {
	lines []string
	next  int
}

func (r *poemReader) Read(_ context.Context, out *flow.Batch[string]) (flow.Status, error) {
	for len(out.Rows) < cap(out.Rows) {
		if r.next == len(r.lines) {
			return flow.End, nil
		}
		out.Append(r.lines[r.next], flow.NoTime)
		r.next++
	}
	return flow.More, nil
}

func (r *poemReader) Position() []byte       { return fmt.Append(nil, r.next) }
func (r *poemReader) Ready() <-chan struct{} { return nil } // it never has to wait
func (r *poemReader) Close() error           { return nil }

// A source of one's own. It goes on exactly where it was, because its readers say where they are.
func ExampleSource() {
	job := aquifer.NewJob("poems")
	lines := aquifer.From(job, "poems", Poems{
		"The Tyger": "Tyger Tyger, burning bright,\nIn the forests of the night;",
	})
	text := func(dst []byte, line *string) []byte { return append(dst, *line...) }
	aquifer.To(lines, "out", print.To(os.Stdout, text))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Tyger Tyger, burning bright,
	// In the forests of the night;
}

// Letters is a sink that writes files into a directory, one for each checkpoint. The name of a file ends with
// .draft until it is committed.
type Letters string

// Open returns a writer.
func (l Letters) Open(_ context.Context, subtask flow.SinkSubtask) (flow.Writer[string], error) {
	name := fmt.Sprintf("%s-%d", subtask.Incarnation, subtask.Subtask)
	return &letterWriter{path: filepath.Join(string(l), name)}, nil
}

// Commit renames drafts. One that is gone was committed before.
func (l Letters) Commit(_ context.Context, committables [][]byte) error {
	for _, path := range committables {
		err := os.Rename(string(path)+".draft", string(path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Recover commits what the restored checkpoint holds; all other drafts will never be wanted.
func (l Letters) Recover(ctx context.Context, committables [][]byte) error {
	if err := l.Commit(ctx, committables); err != nil {
		return err
	}
	drafts, err := filepath.Glob(filepath.Join(string(l), "*.draft"))
	for _, path := range drafts {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

type letterWriter struct {
	path string
	text []byte
}

func (w *letterWriter) Write(_ context.Context, b *flow.Batch[string]) error {
	for _, row := range b.Rows {
		w.text = append(append(w.text, row...), '\n')
	}
	return nil
}

// Prepare makes the rows durable (a real sink would also call Sync) and tells the checkpoint their name.
func (w *letterWriter) Prepare(_ context.Context, checkpoint uint64) (flow.Prepared, error) {
	if len(w.text) == 0 {
		return flow.Prepared{}, nil
	}
	path := fmt.Sprintf("%s-%d", w.path, checkpoint)
	if err := os.WriteFile(path+".draft", w.text, 0o644); err != nil {
		return flow.Prepared{}, err
	}
	w.text = nil
	return flow.Prepared{Committable: []byte(path)}, nil
}

func (w *letterWriter) Close(context.Context) error { return nil }

// A sink of one's own, with which every row is visible once, whatever fails when.
func ExampleSink() {
	dir, err := os.MkdirTemp("", "letters")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job := aquifer.NewJob("letters")
	lines := aquifer.From(job, "poems", Poems{"Song": "Go, lovely rose!\nTell her that wastes her time and me"})
	aquifer.To(lines, "out", Letters(dir))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
		return
	}

	letters, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range letters {
		var text []byte
		text, err = os.ReadFile(path)
		fmt.Printf("%s", text)
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// Go, lovely rose!
	// Tell her that wastes her time and me
}
