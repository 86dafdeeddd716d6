package nexmark

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// The files of the results.
const (
	ResultsFile = "nexmark.json"
	ChartFile   = "nexmark.svg"
)

// save writes the results into a directory, if there is one. A file is replaced as a whole.
func (r Report) save(dir string) error {
	if dir == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var chart bytes.Buffer
	if err := r.Chart(&chart); err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(dir, 0o777),
		replace(filepath.Join(dir, ResultsFile), append(text, '\n')), replace(filepath.Join(dir, ChartFile), chart.Bytes()))
}

func replace(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o666); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// baseline are the rows of the earlier report, by query.
func (o Options) baseline() (map[string]Row, error) {
	if o.Baseline == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.Baseline)
	if err != nil {
		return nil, base.Errorf(base.Config, "the baseline cannot be read: %w", err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil || len(r.Rows) == 0 {
		return nil, base.Errorf(base.Config, "%s is no report of an earlier run: %w", o.Baseline,
			errors.Join(err, fmt.Errorf("it has %d rows", len(r.Rows))))
	}
	rows := map[string]Row{}
	for _, x := range r.Rows {
		rows[x.Query] = x
	}
	return rows, nil
}
