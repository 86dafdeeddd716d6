package file

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// columns are the fields of a struct, as columns of CSV.
type columns[T any] struct {
	fields []field
}

type field struct {
	name  string
	index int
}

// columnsOf finds the columns of a struct: its exported fields of basic types.
func columnsOf[T any]() (columns[T], error) {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct {
		return columns[T]{}, fmt.Errorf("CSV is for structs, and %s is not one", t)
	}
	var c columns[T]
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup("csv")
		if !f.IsExported() || name == "-" {
			continue
		}
		if !tagged {
			name = f.Name
		}
		if err := parseField(reflect.New(f.Type).Elem(), zeroText(f.Type)); err != nil {
			return columns[T]{}, fmt.Errorf("field %s of %s cannot be a column of CSV: %w", f.Name, t, err)
		}
		c.fields = append(c.fields, field{name, i})
	}
	return c, nil
}

// zeroText is a text that every type of column can be parsed from.
func zeroText(t reflect.Type) string {
	if t == timeType {
		return time.Time{}.Format(time.RFC3339Nano)
	}
	return "0"
}

func (c columns[T]) names() []string {
	var names []string
	for _, f := range c.fields {
		names = append(names, f.name)
	}
	return names
}

// match finds, for each column of a header, the field that it fills, or -1. Names are compared without case.
func (c columns[T]) match(header []string) ([]int, error) {
	var fields []int
	found := 0
	for _, name := range header {
		at := -1
		for _, f := range c.fields {
			if strings.EqualFold(f.name, strings.TrimSpace(name)) {
				at = f.index
				found++
			}
		}
		fields = append(fields, at)
	}
	if found == 0 {
		return nil, fmt.Errorf("none of the columns %q of the header is one of the fields %q", header, c.names())
	}
	return fields, nil
}

// parse fills a struct from a line's columns.
func (c columns[T]) parse(values []string, fields []int, row *T) error {
	if len(values) != len(fields) {
		return fmt.Errorf("%d columns, the header has %d", len(values), len(fields))
	}
	v := reflect.ValueOf(row).Elem()
	for i, text := range values {
		if fields[i] < 0 {
			continue
		}
		if err := parseField(v.Field(fields[i]), text); err != nil {
			return fmt.Errorf("column %d, field %s: %w", i+1, v.Type().Field(fields[i]).Name, err)
		}
	}
	return nil
}

var timeType = reflect.TypeFor[time.Time]()

func parseField(v reflect.Value, text string) (err error) {
	switch k := v.Kind(); {
	case v.Type() == timeType:
		var t time.Time
		t, err = time.Parse(time.RFC3339Nano, text)
		v.Set(reflect.ValueOf(t))
	case k == reflect.String:
		v.SetString(text)
	case k == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
	case v.CanFloat():
		var x float64
		x, err = strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(x)
	default:
		err = fmt.Errorf("%s is not a string, number, boolean or time", v.Type())
	}
	return err
}

// format returns a struct's columns.
func (c columns[T]) format(row *T) []string {
	v := reflect.ValueOf(row).Elem()
	values := make([]string, 0, len(c.fields))
	for _, f := range c.fields {
		values = append(values, formatField(v.Field(f.index)))
	}
	return values
}

func formatField(v reflect.Value) string {
	switch {
	case v.Type() == timeType:
		return v.Interface().(time.Time).Format(time.RFC3339Nano)
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	}
	return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
}
