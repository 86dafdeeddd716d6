package file

import (
	"bytes"
	"encoding/csv"
)

// csvDecoder decodes lines of CSV behind a header.
func csvDecoder[T any](columns columns[T]) decoder[T] {
	var fields []int
	return decoder[T]{
		header: func(line []byte) error {
			names, err := parseCSV(line)
			if err == nil {
				fields, err = columns.match(names)
			}
			return err
		},
		row: func(line []byte, row *T) error {
			values, err := parseCSV(line)
			if err != nil {
				return err
			}
			return columns.parse(values, fields, row)
		},
	}
}

func parseCSV(line []byte) ([]string, error) {
	r := csv.NewReader(bytes.NewReader(line))
	r.FieldsPerRecord = -1
	return r.Read()
}
