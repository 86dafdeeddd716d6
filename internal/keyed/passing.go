package keyed

// passing takes batches of changes to a writer while the next ones are gathered: of a large state to gather takes as
// long as to write, and is waiting for memory. It belongs to the goroutine that gathers.
type passing struct {
	full, back chan *changes
	over       chan error
	spare      []*changes // that nobody uses
	under      int        // how many are on their way
	bytes      int        // of these
	numbers    []uint32   // see changes: who gathers needs them once
}

// Batches are on their way until there are so many, or have so many bytes: as often as the two take turns on one
// processor each has something to do for longer than it takes the other to come.
const (
	batchesUnderWay = 16
	bytesUnderWay   = 1 << 20
)

// newPassing begins to write on a goroutine of its own, until end.
func newPassing(w Writer) *passing {
	p := &passing{
		full: make(chan *changes, batchesUnderWay), back: make(chan *changes, batchesUnderWay), over: make(chan error, 1),
	}
	go func() {
		defer close(p.back)
		p.over <- p.write(w)
	}()
	return p
}

// write writes what is passed, until the first error.
func (p *passing) write(w Writer) error {
	for batch := range p.full {
		if err := batch.write(w); err != nil {
			return err
		}
		p.back <- batch
	}
	return nil
}

// empty returns a batch to gather into, nil if the writer has failed.
func (p *passing) empty() *changes {
	for p.under == batchesUnderWay || p.bytes > bytesUnderWay {
		batch, ok := <-p.back
		if !ok {
			return nil
		}
		p.under--
		p.bytes -= len(batch.arena)
		p.spare = append(p.spare, batch)
	}
	last := len(p.spare) - 1
	if last < 0 {
		return &changes{numbers: p.numbers}
	}
	batch := p.spare[last]
	p.spare, batch.numbers = p.spare[:last], p.numbers
	return batch
}

// pass gives the writer a batch that is sorted.
func (p *passing) pass(batch *changes) {
	p.numbers, batch.numbers = batch.numbers, nil
	if len(batch.entries) == 0 {
		p.spare = append(p.spare, batch)
		return
	}
	p.under++
	p.bytes += len(batch.arena)
	p.full <- batch
}

// end waits until all that was passed has been written, and returns what went wrong with it.
func (p *passing) end() error {
	close(p.full)
	return <-p.over
}
