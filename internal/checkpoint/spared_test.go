package checkpoint

import (
	"fmt"
	"testing"
)

func TestACollectorSparesWhatItsOwnAttemptOrALaterTermMayBeUsing(t *testing.T) {
	const term, attempt = 7, 3
	for name, c := range map[string]struct {
		term    uint64
		attempt int
		want    bool
	}{
		"its own":                         {7, 3, true},
		"an earlier attempt":              {7, 2, false},
		"no attempt that can be":          {7, 4, false},
		"an earlier term":                 {6, 3, false},
		"an earlier term, more attempts":  {6, 9, false},
		"a later term":                    {8, 1, true},
		"a later term with more digits":   {70, 3, true},
		"an attempt that begins like it":  {7, 33, false},
		"an earlier term of a like digit": {1, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			made := Incarnation(c.term, c.attempt)
			for _, object := range []string{"%sa7/%s-00000012.table", "%s00/%s-00000001.shard/000007.sst"} {
				object = fmt.Sprintf(object, TablePrefix, made)
				if got := Spared(object, term, attempt); got != c.want {
					t.Errorf("%s by %d-%d: %v, want %v", object, term, attempt, got, c.want)
				}
			}
		})
	}
}

func TestNamesThatNoAttemptGivesAreNotSpared(t *testing.T) {
	for _, name := range []string{
		"", TablePrefix, TablePrefix + "7-3-1.table", TablePrefix + "00/x", TablePrefix + "00/7-3", TablePrefix + "00/7",
		TablePrefix + "00/-7-3-1.table", TablePrefix + "00/99999999999999999999-1-1.table",
	} {
		if Spared(name, 7, 3) {
			t.Errorf("%q is spared", name)
		}
	}
}
