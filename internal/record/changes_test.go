package record

import (
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

type leaf[T any] struct{ N T }

func TestWhatHasChangedInATypeIsToldByField(t *testing.T) {
	type was struct {
		A     int64
		Gone  string
		B     bool
		Inner struct{ X, Y int8 }
		Many  map[string][]*leaf[int64]
	}
	type is struct {
		B     bool
		A     int64
		Inner struct{ Y, X int8 }
		Many  map[string][]*struct {
			N    int64
			More bool
		}
		New string
	}
	for name, c := range map[string]struct {
		older, newer string
		want         []string
	}{
		"nothing":      {schemaText[was](t), schemaText[was](t), nil},
		"another name": {schemaText[leaf[int8]](t), schemaText[struct{ N int8 }](t), nil},
		"all": {schemaText[was](t), schemaText[is](t), []string{
			"field New added", "field Gone removed", "fields of Inner reordered", "field Many[][][].More added",
			"fields reordered",
		}},
		"back": {schemaText[is](t), schemaText[was](t), []string{
			"field Gone added", "fields of Inner reordered", "field Many[][][].More removed", "field New removed",
			"fields reordered",
		}},
		"an element": {schemaText[[]leaf[bool]](t), schemaText[[]struct{ O, N bool }](t), []string{"field [].O added"}},
	} {
		got, err := Changes(c.older, c.newer)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestWhatIsNoSchemaHasNoChanges(t *testing.T) {
	if _, err := Changes("what is this", schemaText[int64](t)); base.KindOf(err) != base.Corrupt {
		t.Errorf("%v", err)
	}
}

func schemaText[V any](t *testing.T) string {
	t.Helper()
	return valueCodec[V](t).Schema()
}
