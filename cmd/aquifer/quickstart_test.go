package main

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/nexmark"
)

func TestAuctionsAreShownUnderTheirWindow(t *testing.T) {
	var out strings.Builder
	w, err := (&liveTable{w: &out}).Open(t.Context(), flow.SinkSubtask{})
	must(t, err)
	b := &flow.Batch[nexmark.Hot]{}
	for _, row := range []nexmark.Hot{
		{Auction: 2, Count: 40, End: 20_000}, {Auction: 1, Count: 40, End: 20_000},
		{Auction: 3, Count: 5, End: 10_000}, // an earlier window may come later
		{Auction: 3, Count: 2000, End: 12_000},
	} {
		b.Append(row, row.End-1)
	}
	must(t, w.Write(t.Context(), b))
	want := `hottest auctions, 00:00:10 to 00:00:20 (event time)
  auction 1           40 bids  ██
  auction 2           40 bids  ██
hottest auctions, 00:00:00 to 00:00:10 (event time)
  auction 3            5 bids  
hottest auctions, 00:00:02 to 00:00:12 (event time)
  auction 3         2000 bids  ` + strings.Repeat("█", 60) + "\n"
	if got := strings.ReplaceAll(out.String(), "\r\x1b[K", ""); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestOnlyTheFirstFiveOfManyAuctionsAreShown(t *testing.T) {
	var out strings.Builder
	w := &tableWriter{w: &out}
	b := &flow.Batch[nexmark.Hot]{}
	for auction := range int64(8) {
		b.Append(nexmark.Hot{Auction: auction, Count: 1, End: 10_000}, 9_999)
	}
	must(t, w.Write(t.Context(), b))
	if got := strings.Count(out.String(), "  auction "); got != 5 {
		t.Errorf("%d rows: %s", got, out.String())
	}
}
