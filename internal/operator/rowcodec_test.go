package operator

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// visit is a row with something of most kinds; newer is what a later program makes of it.
type (
	visit struct {
		Page string
		Tags []string
		At   int64
	}
	newer struct {
		At    int64
		Page  string
		Added bool
	}
)

func visits() *flow.Batch[visit] {
	b := &flow.Batch[visit]{}
	b.Append(visit{"/a", []string{"x", "y"}, 3}, 100)
	b.Append(visit{}, flow.NoTime)
	b.Append(visit{"/b", nil, -1}, flow.EndOfTime)
	return b
}

func codecOf[T any](t *testing.T) *RowCodec {
	t.Helper()
	c, err := RowTypeOf[T]().Codec()
	must(t, err)
	return c
}

func readAs[T any](t *testing.T, schema string, text []byte) (*flow.Batch[T], error) {
	t.Helper()
	read, err := codecOf[T](t).Reader(schema)
	must(t, err)
	b, err := read(text)
	if err != nil {
		return nil, err
	}
	return b.(*flow.Batch[T]), nil
}

func TestRowsAreReadWithTheirTimes(t *testing.T) {
	c := codecOf[visit](t)
	got, err := readAs[visit](t, c.Schema, c.Append(nil, visits()))
	must(t, err)
	if want := visits(); !reflect.DeepEqual(got.Rows, want.Rows) || !reflect.DeepEqual(got.Times, want.Times) {
		t.Errorf("%+v", got)
	}
}

func TestRowsOfAnEarlierProgramBecomeThoseOfToday(t *testing.T) {
	c := codecOf[visit](t)
	got, err := readAs[newer](t, c.Schema, c.Append(nil, visits()))
	if err != nil || got.Rows[0] != (newer{3, "/a", false}) || got.Times[0] != 100 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := codecOf[int64](t).Reader(c.Schema); err == nil {
		t.Error("visits have become numbers")
	}
}

func TestDamagedRowsAreAnError(t *testing.T) {
	c := codecOf[visit](t)
	text := c.Append(nil, visits())
	for n := range text {
		if _, err := readAs[visit](t, c.Schema, text[:n]); base.KindOf(err) != base.Corrupt {
			t.Errorf("%d of %d bytes: %v", n, len(text), err)
		}
	}
	if _, err := readAs[visit](t, c.Schema, append(text, 1)); base.KindOf(err) != base.Corrupt {
		t.Errorf("a byte too much: %v", err)
	}
}

func TestRowsThatCannotBeWrittenAreNamed(t *testing.T) {
	type called struct{ Back func() }
	if _, err := RowTypeOf[called]().Codec(); err == nil || !strings.Contains(err.Error(), "Back") {
		t.Errorf("%v", err)
	}
}

func TestACopyOfABatchIsItsOwn(t *testing.T) {
	b := visits()
	c := RowTypeOf[visit]().Copy(b).(*flow.Batch[visit])
	b.Rows[0].Page, b.Times[1] = "/changed", 5
	if c.Rows[0].Page != "/a" || c.Times[1] != flow.NoTime || len(c.Rows) != 3 {
		t.Errorf("%+v", c)
	}
}

func TestRowsAreSelectedByTheirHashes(t *testing.T) {
	byLength := func(b *flow.Batch[visit]) {
		b.Hashes = b.Hashes[:0]
		for _, v := range b.Rows {
			b.Hashes = append(b.Hashes, uint64(len(v.Page)))
		}
	}
	pages := func(keep uint64) (got []string) {
		b := RowTypeOf[visit]().Select(visits(), byLength, func(h uint64) bool { return h == keep })
		if b == nil {
			return nil
		}
		for i, v := range b.(*flow.Batch[visit]).Rows {
			got = append(got, v.Page)
			if h := b.(*flow.Batch[visit]).Hashes[i]; h != keep {
				t.Errorf("hash %d", h)
			}
		}
		return got
	}
	if got := pages(2); !reflect.DeepEqual(got, []string{"/a", "/b"}) {
		t.Errorf("%q", got)
	}
	if got := pages(7); got != nil {
		t.Errorf("%q", got)
	}
}
