package nexmark

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

// vectorLines are the lines of the test vectors, which every implementation of the generator shares.
func vectorLines(t *testing.T) []string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", "vectors.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimRight(string(file), "\n"), "\n")
}

// hashOf is the count and the hash of all events of a configuration, read in one part.
func hashOf(t *testing.T, c Config) (count int64, hash uint64) {
	t.Helper()
	r := openPart(t, New(c), 0, 1)
	b := newBatch[Event](1024)
	var row []byte
	for status := flow.More; status != flow.End; {
		b.Reset()
		status = read(t, r, b)
		for i := range b.Rows {
			row = b.Rows[i].AppendText(row[:0])
			hash += RowHash(row)
			count++
		}
	}
	return count, hash
}

func TestEventsHaveTheHashesOfTheVectors(t *testing.T) {
	found := 0
	for _, line := range vectorLines(t) {
		if !strings.HasPrefix(line, "hash ") {
			continue
		}
		found++
		var c Config
		var wantCount int64
		var wantHash uint64
		if _, err := fmt.Sscanf(line, "hash %d %d %d %d : %d %x",
			&c.Events, &c.Seed, &c.Rate, &c.Group, &wantCount, &wantHash); err != nil {
			t.Fatal(err)
		}
		if testing.Short() && c.Events > 100_000 {
			continue // tens of seconds with the race detector, which has seen all the code by then
		}
		t.Run(line, func(t *testing.T) {
			if count, hash := hashOf(t, c); count != wantCount || hash != wantHash {
				t.Errorf("%d events with hash %016x, want %d and %016x", count, hash, wantCount, wantHash)
			}
		})
	}
	if found != 5 {
		t.Errorf("the file of vectors holds %d hashes, want 5", found)
	}
}

func TestFirstEventsHaveTheTextOfTheVectors(t *testing.T) {
	events := readAll(t, New(Config{Events: 100}), 0, 1)
	var want []string
	for _, line := range vectorLines(t) {
		if kind, _, ok := strings.Cut(line, "|"); ok && len(kind) == 1 {
			want = append(want, line)
		}
	}
	if len(want) != len(events) {
		t.Fatalf("%d events, the file of vectors has %d", len(events), len(want))
	}
	for i := range events {
		if got := string(events[i].AppendText(nil)); got != want[i] {
			t.Errorf("event %d\n got %s\nwant %s", i, got, want[i])
		}
	}
}
