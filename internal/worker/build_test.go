package worker

import (
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

func TestAllChannelsOfShufflesShareWhatRowsBetweenSubtasksMayTake(t *testing.T) {
	c := configOf(t, sumJob(), mem.New())
	shuffles := 0
	for _, chain := range c.Plan.Chains {
		for _, e := range chain.Head().Inputs {
			if e.Exchange == operator.Hash {
				shuffles++
			}
		}
	}
	batches := int64(shuffles * 2 * 2 * (c.Credit + 2)) // each of two subtasks sends to each of two
	for bytes, want := range map[int64]int64{0: 0, 1: 1, batches * 1000: 1000} {
		c.ChannelBytes = bytes
		if got := (&Attempt{Config: c}).batchBytes(); got != want {
			t.Errorf("of %d bytes a batch may take %d, want %d", bytes, got, want)
		}
	}
	if shuffles == 0 {
		t.Error("there is no shuffle")
	}
}
