package worker

import (
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

// A sender may have said that all its rows have come, and its receiver of today have another sender.
func TestOfALineWithoutKeysOnlyTheRowsAreGoneOnWith(t *testing.T) {
	ended := channel.Control()
	ended.Watermark, ended.Status = flow.EndOfTime, channel.Idle
	rows := ended
	rows.Batch = "a"
	l := onlyRows(channel.Line{Channel: -1, Subtask: 3, Watermark: 7, Idle: true, Messages: []channel.Message{ended, rows, ended}})
	if l.Watermark != flow.NoTime || l.Idle || l.Subtask != 3 || len(l.Messages) != 1 {
		t.Fatalf("%+v", l)
	}
	if m := l.Messages[0]; m.Batch != "a" || m.Watermark != flow.NoTime || m.Status != channel.Unchanged {
		t.Errorf("%+v", m)
	}
}
