package record

import (
	"encoding/json"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Changes says, for a person, how a schema differs from an older one whose values it can read: which fields were added,
// removed and put in another order. An error is of kind base.Corrupt: what is compared is no schema.
func Changes(older, newer string) ([]string, error) {
	if older == newer {
		return nil, nil
	}
	var was, is schema
	for text, s := range map[string]*schema{older: &was, newer: &is} {
		if err := json.Unmarshal([]byte(text), s); err != nil {
			return nil, base.Errorf(base.Corrupt, "schema %q in the checkpoint: %w", text, err)
		}
	}
	var c changes
	c.compare(&was, &is, "")
	return c.all, nil
}

// changes gathers how a schema differs from another.
type changes struct{ all []string }

func (c *changes) compare(was, is *schema, path string) {
	if was == nil || is == nil {
		return
	}
	if was.Kind == kindStruct && is.Kind == kindStruct {
		c.fields(was, is, path)
		return
	}
	c.compare(was.Elem, is.Elem, path+"[]")
}

// fields compares the fields of a struct.
func (c *changes) fields(was, is *schema, path string) {
	var kept, now []string
	for _, f := range is.Fields {
		if was.field(f.Name) == nil {
			c.all = append(c.all, "field "+joinPath(path, f.Name)+" added")
			continue
		}
		now = append(now, f.Name)
	}
	for _, f := range was.Fields {
		n := is.field(f.Name)
		if n == nil {
			c.all = append(c.all, "field "+joinPath(path, f.Name)+" removed")
			continue
		}
		kept = append(kept, f.Name)
		c.compare(f.Type, n, joinPath(path, f.Name))
	}
	if !slices.Equal(kept, now) {
		c.all = append(c.all, reordered(path))
	}
}

// field is the schema of a field, or nil.
func (s *schema) field(name string) *schema {
	for _, f := range s.Fields {
		if f.Name == name {
			return f.Type
		}
	}
	return nil
}

func reordered(path string) string {
	if path == "" {
		return "fields reordered"
	}
	return "fields of " + path + " reordered"
}
