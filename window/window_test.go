package window

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func ExampleSliding() {
	w := Sliding(10*time.Second, 4*time.Second)
	slice := w.SliceStart(13_000)
	fmt.Println(slice, w.Slice(), w.FirstEnd(slice), w.LastEnd(slice))
	// Output: 12000 2000 14000 22000
}

func TestAnInvalidWindowSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		w    Window
		want string
	}{
		{Window{}, "no window is described: use Tumbling, Sliding, Session or Global"},
		{Tumbling(0), "the window's size is 0s: it must be positive"},
		{Sliding(time.Second, -1), "the window's slide is -1ns: it must be positive"},
		{Session(0), "the window's gap is 0s: it must be positive"},
		{Tumbling(time.Microsecond), "the window's size is 1µs: event time is counted in whole milliseconds"},
		{Session(time.Second).Offset(time.Second), "sessions have no offset"},
		{Tumbling(time.Second).AllowedLateness(-time.Second), "the window's allowed lateness is -1s: it must not be negative"},
		{Sliding(time.Second, 2*time.Second), "the window's slide, 2s, is larger than its size, 1s: rows between windows " +
			"would be lost; filter them out instead"},
	} {
		if err := c.w.Validate(); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.w, err, c.want)
		}
	}
	for _, w := range []Window{Tumbling(time.Second), Sliding(time.Minute, time.Second).Offset(-time.Hour), Session(1e9)} {
		if err := w.Validate(); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// A window [end-size, end) begins at the offset plus a multiple of the slide. The ends told for a slice are
// exactly those of the windows that contain it.
func TestASliceBelongsToTheWindowsThatContainIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slide := rapid.Int64Range(1, 50).Draw(t, "slide")
		size := slide + rapid.Int64Range(0, 100).Draw(t, "more")
		offset := rapid.Int64Range(-100, 100).Draw(t, "offset")
		at := rapid.Int64Range(-1000, 1000).Draw(t, "time")
		w := Sliding(time.Duration(size)*time.Millisecond, time.Duration(slide)*time.Millisecond).
			Offset(time.Duration(offset) * time.Millisecond)
		slice := w.SliceStart(at)
		if at < slice || at >= slice+w.Slice() {
			t.Fatalf("time %d in slice [%d, %d)", at, slice, slice+w.Slice())
		}
		var want []int64
		for start := at - size - slide; start <= at+slide; start++ {
			if floor(start-offset, slide) == start-offset && start <= at && at < start+size {
				want = append(want, start+size)
			}
		}
		var got []int64
		for end := w.FirstEnd(slice); end <= w.LastEnd(slice); end += w.Slide() {
			got = append(got, end)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("time %d, windows of %d every %d from %d: ends %v, want %v", at, size, slide, offset, got, want)
		}
	})
}
