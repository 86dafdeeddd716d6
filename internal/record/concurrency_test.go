package record

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"
)

func TestCodecsAreSafeForConcurrentUse(t *testing.T) {
	keys, values := keyCodec[mixedKey](t), valueCodec[everyValue](t)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			name := fmt.Sprintf("worker\x00%d", worker)
			for i := range 100 {
				key := mixedKey{uint32(i), name}
				got, _, err := keys.Decode(keys.Append(nil, &key))
				if err != nil || got != key {
					t.Errorf("%+v became %+v, error %v", key, got, err)
				}
				checkConcurrentValue(t, values, name, int64(i))
			}
		})
	}
	wg.Wait()
}

func checkConcurrentValue(t *testing.T, c *ValueCodec[everyValue], name string, i int64) {
	v := everyValue{
		Text: name, Counts: map[string]int64{name: i, "": 1}, Rows: []inner{{name, uint32(i)}},
		At: time.Unix(i, i).UTC(), Optional: &inner{name: name},
	}
	var got everyValue
	if err := c.Decode(c.Append(nil, &v), &got); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("%+v became %+v, error %v", v, got, err)
	}
}

func TestOneValueMayBeEncodedBySeveralAtOnce(t *testing.T) {
	c := valueCodec[everyValue](t)
	v := everyValue{Text: "shared", Counts: map[string]int64{"a": 1, "b": 2}, Optional: &inner{name: "x"}}
	want := string(c.Append(nil, &v))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := string(c.Append(nil, &v)); got != want {
				t.Errorf("encoded as %x by one and as %x by another", want, got)
			}
		})
	}
	wg.Wait()
}
