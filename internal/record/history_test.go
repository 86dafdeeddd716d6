package record

import (
	"reflect"
	"testing"
)

// The state of a job as it grew over three versions.
type (
	accountV1 struct {
		ID      int64
		Balance int64
		Note    string
	}
	accountV2 struct { // Note removed, Limits added, order changed
		Balance int64
		ID      int64
		Limits  map[string]limitV2
	}
	limitV2 struct {
		Amount int64
		Hard   bool
	}
	accountV3 struct { // a field of a map's element removed, one added; Note is back
		ID     int64
		Note   string
		Limits map[string]limitV3
		Owner  *owner
	}
	limitV3 struct {
		Currency [3]byte
		Amount   int64
	}
	owner struct{ Name string }
)

func TestValuesPassThroughVersionsOfTheirType(t *testing.T) {
	first := accountV1{ID: 1, Balance: -5, Note: "note"}
	second := migrate[accountV1, accountV2](t, first)
	if want := (accountV2{ID: 1, Balance: -5}); !reflect.DeepEqual(second, want) {
		t.Errorf("version 2 is %+v, want %+v", second, want)
	}
	second.Limits = map[string]limitV2{"day": {Amount: 100, Hard: true}, "week": {Amount: 500}}
	third := migrate[accountV2, accountV3](t, second)
	want := accountV3{ID: 1, Limits: map[string]limitV3{"day": {Amount: 100}, "week": {Amount: 500}}}
	if !reflect.DeepEqual(third, want) {
		t.Errorf("version 3 is %+v, want %+v", third, want)
	}
}

func TestAnOlderVersionReadsWhatANewerOneWrote(t *testing.T) {
	third := accountV3{
		ID: 7, Note: "note", Owner: &owner{"name"}, Limits: map[string]limitV3{"day": {[3]byte{1, 2, 3}, 9}},
	}
	if got := migrate[accountV3, accountV1](t, third); got != (accountV1{ID: 7, Note: "note"}) {
		t.Errorf("version 1 is %+v", got)
	}
	want := accountV2{ID: 7, Limits: map[string]limitV2{"day": {Amount: 9}}}
	if got := migrate[accountV3, accountV2](t, third); !reflect.DeepEqual(got, want) {
		t.Errorf("version 2 is %+v, want %+v", got, want)
	}
}

func TestAVersionWithNothingInCommonIsZero(t *testing.T) {
	type other struct{ Unknown []string }
	got := migrate[accountV1, other](t, accountV1{ID: 1, Note: "note"})
	if got.Unknown != nil {
		t.Errorf("decoded as %+v", got)
	}
}

// migrate writes a value as one version and reads it as another, over what was there before.
func migrate[Old, New any](t *testing.T, v Old) New {
	t.Helper()
	writer := valueCodec[Old](t)
	var got New
	for range 2 { // the second time over the first
		if err := decoderFor[New](t, writer.Schema())(writer.Append(nil, &v), &got); err != nil {
			t.Fatal(err)
		}
	}
	return got
}
