package checkpoint

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func one(schema string, older ...string) []State {
	return []State{{Name: "n", Kind: "value", Schema: schema, Older: older}}
}

func TestTheSchemasThatValuesMayHaveAreKept(t *testing.T) {
	for name, c := range map[string]struct{ declared, restored, want []State }{
		"nothing restored":            {one("A"), nil, one("A")},
		"the same type":               {one("A"), one("A"), one("A")},
		"a type that changes":         {one("B"), one("A"), one("B", "A")},
		"changes again":               {one("C"), one("B", "A"), one("C", "A", "B")},
		"the same type after changes": {one("C"), one("C", "A", "B"), one("C", "A", "B")},
		"back to an earlier type":     {one("A"), one("B", "A"), one("A", "A", "B")},
		"a new state": {
			append(one("A"), State{Name: "m", Schema: "M"}), one("A"), append(one("A"), State{Name: "m", Schema: "M"}),
		},
		"another order": {
			append([]State{{Name: "m", Schema: "N"}}, one("B")...), append(one("A"), State{Name: "m", Schema: "M"}),
			append([]State{{Name: "m", Schema: "N", Older: []string{"M"}}}, one("B", "A")...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Evolve(c.declared, c.restored); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEvolvingChangesNeitherTheProgramsStatesNorTheCheckpoints(t *testing.T) {
	older := append(make([]string, 0, 4), "A")
	declared, restored := one("C"), []State{{Name: "n", Kind: "value", Schema: "B", Older: older}}
	Evolve(declared, restored)
	if !reflect.DeepEqual(declared, one("C")) || !reflect.DeepEqual(restored, one("B", "A")) || older[:2][1] != "" {
		t.Errorf("%+v and %+v", declared, restored)
	}
}

// A value is written with the number of Older as they were then. Whatever programs follow, that number must mean
// the schema that the value has.
func TestANumberOnceWrittenMeansTheSameSchemaForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var restored []State
		wrote := map[int]string{}
		for range rapid.IntRange(1, 12).Draw(t, "runs") {
			now := Evolve(one(rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "schema")), restored)
			s := now[0]
			meaning := append(slices.Clone(s.Older), s.Schema)
			wrote[len(s.Older)] = s.Schema
			for number, schema := range wrote {
				if number >= len(meaning) || meaning[number] != schema {
					t.Fatalf("number %d was written for %s: now %v", number, schema, meaning)
				}
			}
			restored = now
		}
	})
}
