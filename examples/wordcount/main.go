// Command wordcount counts the words of text files and writes every word with its count.
//
//	go run ./examples/wordcount
//	WORDCOUNT_INPUT='books/*.txt' go run ./examples/wordcount --state counts
//
// The result is in wordcount-out, as lines of CSV.
package main

import (
	"cmp"
	"os"
	"strings"
	"unicode"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

func main() {
	input := cmp.Or(os.Getenv("WORDCOUNT_INPUT"), "examples/wordcount/testdata/*.txt")
	output := cmp.Or(os.Getenv("WORDCOUNT_OUTPUT"), "wordcount-out")
	aquifer.Main(func(job *aquifer.Job) error { return build(job, input, output) })
}

// Count is a row of the result.
type Count struct {
	Word  string `csv:"word"`
	Count int64  `csv:"count"`
}

// build describes the job.
func build(job *aquifer.Job, input, output string) error {
	lines := aquifer.From(job, "lines", file.Lines(input))
	aquifer.To(countWords(lines), "out", file.WriteCSV[Count](output))
	return nil
}

// countWords counts the words of lines.
func countWords(lines aquifer.Stream[string]) aquifer.Stream[Count] {
	words := aquifer.FlatMap(lines, split)
	byWord := aquifer.KeyBy(words, func(w *string) string { return *w })
	return aquifer.Process(byWord, "count", func() aquifer.ProcessFunc[string, Count] { return &counter{} })
}

// split emits the words of a line in lower case.
func split(line *string, out aquifer.Collector[string]) error {
	for word := range strings.FieldsFuncSeq(*line, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }) {
		out.Emit(strings.ToLower(word))
	}
	return nil
}

// counter keeps the count of a word and emits it when all input has been read.
type counter struct {
	count state.Value[int64]
}

func (c *counter) Open(s *state.Scope) (err error) {
	c.count, err = state.NewValue[int64](s, "count")
	return err
}

func (c *counter) Process(ctx *aquifer.Context, _ *string, _ aquifer.Collector[Count]) error {
	n, seen, err := c.count.Get(ctx)
	if err != nil {
		return err
	}
	if !seen {
		if err := ctx.RegisterEventTimer(flow.EndOfTime); err != nil {
			return err
		}
	}
	return c.count.Set(ctx, n+1)
}

func (c *counter) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[Count]) error {
	n, _, err := c.count.Get(ctx)
	if err != nil {
		return err
	}
	out.Emit(Count{Word: aquifer.Key[string](ctx), Count: n})
	return nil
}
