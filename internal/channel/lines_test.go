package channel

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// appendText writes texts behind the input that they are said to be of, readText wants it to be the same.
func appendText(input int, dst []byte, batch any) []byte {
	return append(append(dst, byte(input)), batch.(string)...)
}

func readText(input int, src []byte) (any, error) {
	if int(src[0]) != input {
		return nil, fmt.Errorf("input %d is read as %d", src[0], input)
	}
	return string(src[1:]), nil
}

func written() ([][]Line, []byte) {
	all := [][]Line{
		{
			{Channel: -1, Input: 1, Subtask: 300, Watermark: flow.NoTime, Idle: true, Messages: []Message{}},
			{Channel: -1, Subtask: 2, Watermark: 77, Messages: []Message{
				batch("some rows"), watermark(-5), status(Active), {Batch: "more", Status: Idle, Watermark: flow.EndOfTime},
			}},
		},
		{},
	}
	return all, AppendLines(nil, all, appendText)
}

func TestLinesAreReadAsTheyWereWritten(t *testing.T) {
	want, text := written()
	got, err := Lines(text, readText)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v, %v", got, want, err)
	}
}

func TestLinesThatAreCutOffOrTooLongAreDamaged(t *testing.T) {
	_, text := written()
	for n := range text {
		if _, err := Lines(text[:n], readText); base.KindOf(err) != base.Corrupt {
			t.Errorf("%d of %d bytes: %v", n, len(text), err)
		}
	}
	if _, err := Lines(append(text, 0), readText); base.KindOf(err) != base.Corrupt {
		t.Errorf("a byte too much: %v", err)
	}
}

func TestBatchesThatCannotBeReadAreAnError(t *testing.T) {
	_, text := written()
	broken := errors.New("not these")
	if _, err := Lines(text, func(int, []byte) (any, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func FuzzLines(f *testing.F) {
	_, text := written()
	f.Add(text)
	f.Add([]byte{255, 255, 255, 255, 15, 1, 2, 3})
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Lines(text, readText)
		if err != nil {
			return
		}
		again, err := Lines(AppendLines(nil, all, appendText), readText)
		if err != nil || !reflect.DeepEqual(all, again) {
			t.Errorf("%+v became %+v, %v", all, again, err)
		}
	})
}

// Rows of b are behind 5 until its gate has been gone on with: whatever a had come to when it took its own.
func TestReceiversThatCameTogetherAgreeWhileRowsOfOneAreToCome(t *testing.T) {
	message := func(batch any, watermark int64) Message {
		m := Control()
		m.Batch, m.Watermark = batch, watermark
		return m
	}
	a := [][]Line{
		{{Channel: -1, Watermark: 3, Messages: []Message{message("a front", 100)}}},
		{{Channel: -1, Watermark: 100, Messages: []Message{message("a gate", 110)}}},
	}
	b := [][]Line{{{Channel: -1, Watermark: 5, Messages: []Message{message("b gate", 120)}}}}
	for name, all := range map[string][][][]Line{"a, b": {a, b}, "b, a": {b, a}} {
		t.Run(name, func(t *testing.T) {
			g := NewGate(nil, 1, Rows{})
			g.Restore(Together(all...))
			told := map[any]int64{} // what event time was when a batch came
			now := flow.NoTime
			for e, ok := g.TryNext(); ok; e, ok = g.TryNext() {
				if e.Batch != nil {
					told[e.Batch] = now
				} else if e.Status == Unchanged {
					now = e.Watermark
				}
			}
			if told["a front"] != 3 || told["b gate"] != 5 || told["a gate"] != 5 && told["a gate"] != 100 || now != 110 {
				t.Errorf("%v, and %d in the end", told, now)
			}
		})
	}
	if len(b[0][0].Messages) != 1 {
		t.Error("it has lost its messages")
	}
	if all := Together(); len(all) != 0 {
		t.Errorf("of none: %v", all)
	}
}
