package keyed

import "testing"

// appendTo appends so many rows to the list of a key.
func (n *numbers) appendTo(t *testing.T, key string, rows int) {
	for i := range int64(rows) {
		n.list.Append(n.slot(t, key), &i)
	}
}

func TestTheMemoryOfRowsIsGivenToOthersAtOnce(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	n.appendTo(t, "a", 10_000)
	used, total := n.list.space.used, n.list.space.total
	for range 10 {
		must(t, n.list.Clear(n.slot(t, "a")))
		if n.list.space.used != 0 {
			t.Fatalf("%d bytes of a list that was cleared", n.list.space.used)
		}
		n.appendTo(t, "a", 10_000)
	}
	if n.list.space.used != used || n.list.space.total > total+slabSize {
		t.Errorf("%d of %d bytes, before %d of %d", n.list.space.used, n.list.space.total, used, total)
	}
}

func TestTheChunksOfALongListFillTheirBlocks(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	n.appendTo(t, "a", 100_000)
	p, err := n.list.pieces(n.slot(t, "a"))
	must(t, err)
	size := int64(len(p.hold(nil)))
	if space := &n.list.space; space.used > size/10*11 || space.total > size/10*12 {
		t.Errorf("%d bytes of rows take blocks of %d in slabs of %d", size, space.used, space.total)
	}
}

func TestASnapshotKeepsWhatItIsToReadUntilItIsForgotten(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	n.appendTo(t, "a", 10_000)
	used := n.list.space.used
	first, second := n.store.Freeze(), &tape{}
	must(t, n.list.Clear(n.slot(t, "a")))
	if n.list.space.used != used {
		t.Errorf("%d bytes of %d that a snapshot is to read", n.list.space.used, used)
	}
	late := len(n.list.space.late)
	n.appendTo(t, "b", 10_000)
	must(t, n.list.Clear(n.slot(t, "b")))
	if n.list.space.used != used || len(n.list.space.late) != late {
		t.Errorf("%d bytes, want %d: what came after the freeze is given back at once", n.list.space.used, used)
	}
	must(t, first.WriteTo(second))
	first.Done()
	n.slot(t, "c") // another batch
	n.store.Freeze().Release()
	if n.list.space.used != 0 || len(n.list.space.late) > 0 {
		t.Errorf("%d bytes, %d blocks wait for nobody", n.list.space.used, len(n.list.space.late))
	}
}

func TestWhatASnapshotKeptIsGivenBackIfItIsNotWritten(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	n.appendTo(t, "a", 10_000)
	f := n.store.Freeze()
	must(t, n.list.Clear(n.slot(t, "a")))
	f.Release()
	if n.list.space.used != 0 {
		t.Errorf("%d bytes", n.list.space.used)
	}
}
