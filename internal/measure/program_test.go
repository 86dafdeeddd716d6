package measure

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestTheLastLineOfAProgramIsRead(t *testing.T) {
	var got struct{ A, B int }
	if err := Program(t.Context(), &got, "sh", "-c", `echo first; echo '{"a":1,"b":2}'`); err != nil || got.A != 1 || got.B != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAProgramThatFailsSaysWhy(t *testing.T) {
	var got struct{}
	for script, want := range map[string]string{
		"echo out of luck >&2; exit 3": "out of luck",
		"echo no figures":              `printed "no figures"`,
		"true":                         `printed ""`,
	} {
		err := Program(t.Context(), &got, "sh", "-c", script)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "sh -c") {
			t.Errorf("%s: %v", script, err)
		}
	}
	if err := Program(t.Context(), &got, "no/such/program"); err == nil {
		t.Error("a program that is not there has run")
	}
}

func TestAProgramEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	var got struct{}
	if err := Program(ctx, &got, "sh", "-c", "sleep 60"); !errors.Is(err, enough) {
		t.Error(err)
	}
}
