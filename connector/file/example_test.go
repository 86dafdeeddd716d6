package file_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
)

// Sale is a line of the input.
type Sale struct {
	Shop  string    `json:"shop"`
	Cents int64     `json:"cents"`
	At    time.Time `json:"at"`
}

// Line is a line of the output.
type Line struct {
	Day  string `csv:"-"` // it is in the path
	Shop string `csv:"shop"`
	Euro string `csv:"euro"`
}

const sales = `
{"shop": "harbour", "cents": 1250, "at": "2024-03-01T09:15:00Z"}
{"shop": "market, east", "cents": 300, "at": "2024-03-01T17:40:00Z"}
{"shop": "harbour", "cents": 999, "at": "2024-03-02T10:05:00Z"}
`

// Reads lines of JSON into structs and writes CSV, in a directory for each day.
func Example() {
	dir, err := os.MkdirTemp("", "sales")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "march.ndjson"), []byte(sales), 0o644); err != nil {
		fmt.Println(err)
		return
	}

	job := aquifer.NewJob("sales")
	input := aquifer.From(job, "sales", file.NDJSON[Sale](filepath.Join(dir, "*.ndjson")))
	lines := aquifer.Map(input, func(s *Sale) Line {
		return Line{s.At.Format(time.DateOnly), s.Shop, fmt.Sprintf("%d.%02d", s.Cents/100, s.Cents%100)}
	})
	out := filepath.Join(dir, "out")
	byDay := file.PartitionBy(func(l *Line) string { return "day=" + l.Day })
	aquifer.To(lines, "out", file.WriteCSV(out, byDay))
	_, err = job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1})
	if err := errors.Join(err, show(out)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// day=2024-03-01:
	// shop,euro
	// harbour,12.50
	// "market, east",3.00
	// day=2024-03-02:
	// shop,euro
	// harbour,9.99
}

// show prints the files below a directory. What begins with a dot is the sink's own.
func show(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(d.Name(), ".") && d.IsDir() {
			return fs.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		fmt.Printf("%s:\n%s", filepath.Base(filepath.Dir(path)), text)
		return err
	})
}
