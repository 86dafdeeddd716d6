package channel

import (
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// begins returns after how long it is urgent.
func begins(u *Urgency) time.Duration {
	begin := time.Now()
	<-u.Begun()
	return time.Since(begin)
}

func TestItIsUrgentFromTheEarliestTimeOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var u Urgency
		u.By(time.Now().Add(time.Hour))
		u.By(time.Now().Add(time.Minute))
		u.By(time.Now().Add(2 * time.Minute))
		if u.Is() {
			t.Error("at once")
		}
		if took := begins(&u); took != time.Minute || !u.Is() {
			t.Errorf("after %v", took)
		}
	})
}

func TestWhatIsOverIsUrgentNoMore(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var u Urgency
		u.By(time.Now())
		if took := begins(&u); took != 0 {
			t.Errorf("after %v", took)
		}
		u.Over()
		waits(t, u.Begun())
		u.By(time.Now().Add(time.Minute))
		u.Over()
		<-time.After(time.Hour)
		if waits(t, u.Begun()); u.Is() {
			t.Error("a time that was taken back has come")
		}
		u.By(time.Now().Add(time.Second))
		if took := begins(&u); took != time.Second {
			t.Errorf("another one after %v", took)
		}
	})
}
