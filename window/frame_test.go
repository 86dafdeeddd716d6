package window

import (
	"strings"
	"testing"
	"time"
)

func TestAnInvalidFrameSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		f    Frame
		want string
	}{
		{Frame{}, "no frame is described"},
		{RowsPreceding(-1), "the frame has -1 rows preceding: it must not be negative"},
		{RangePreceding(-time.Second), "the frame has -1s preceding: it must be whole milliseconds and not negative"},
		{RangePreceding(time.Microsecond), "the frame has 1µs preceding"},
	} {
		if err := c.f.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.f, err, c.want)
		}
	}
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		f                Frame
		byRange, endless bool
		rows, span       int64
	}{
		{RowsPreceding(0), false, false, 0, 0}, {RowsPreceding(3), false, false, 3, 0}, {RowsUnbounded(), false, true, 0, 0},
		{RangePreceding(time.Second), true, false, 0, 1000}, {RangeUnbounded(), true, true, 0, 0},
	} {
		if err := c.f.Validate(); err != nil || c.f.IsRange() != c.byRange || c.f.IsUnbounded() != c.endless ||
			c.f.Rows() != c.rows || c.f.Span() != c.span {
			t.Errorf("%+v: %v", c.f, err)
		}
	}
}
