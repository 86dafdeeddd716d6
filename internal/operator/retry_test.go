package operator

import (
	"math"
	"testing"
	"time"
)

func TestAWaitDoublesUpToItsBound(t *testing.T) {
	for _, c := range []struct {
		first, most time.Duration
		failed      int
		luck        float64
		want        time.Duration
	}{
		{100, 0, 1, 0, 100},
		{100, 0, 2, 0, 200},
		{100, 0, 5, 0, 1600},
		{100, 350, 2, 0, 200},
		{100, 350, 3, 0, 350},
		{100, 350, 1 << 40, 0, 350},
		{100, 0, 1, 0.5, 75},
		{100, 350, 3, 1, 175},
		{0, 350, 3, 1, 0},
	} {
		r := Retry{Backoff: c.first, MaxBackoff: c.most}
		if got := r.wait(c.failed, c.luck); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	endless := Retry{Backoff: time.Hour}
	if got := endless.wait(1000, 0); got < math.MaxInt64/2 {
		t.Errorf("after 1000 attempts: %v", got)
	}
}

func TestWhatCannotBeAskedOfCallsIsExplained(t *testing.T) {
	for want, c := range map[string]AsyncConfig{
		"a capacity of 0 calls is asked for: it must be 1 or more":       {},
		"a timeout of -1ns is asked for: it must not be negative":        {Capacity: 1, Timeout: -1},
		"-1 attempts with waits from 0s to 0s are asked for":             {Capacity: 1, Retry: Retry{Attempts: -1}},
		"the longest wait between attempts, 1ns, is shorter than the fi": {Capacity: 1, Retry: Retry{Backoff: 2, MaxBackoff: 1}},
	} {
		mustSay(t, c.Validate(), want)
	}
	good := AsyncConfig{Capacity: 1, Timeout: 1, Retry: Retry{Attempts: 1, Backoff: 1, MaxBackoff: 1}}
	must(t, good.Validate())
}
