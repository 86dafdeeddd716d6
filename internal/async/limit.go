package async

const (
	firstBound = 1024
	mostBound  = 65536
)

// Limit bounds the records in flight, by number and by bytes. It adapts: it starts at 1,024 records, doubles up to
// 65,536 as long as it is reached while records wait for reads, and halves when memory is short, to 1 at least.
// It is for one goroutine. Derived records do not ask it; they count for those that do.
type Limit struct {
	bound    int
	fixed    bool
	maxBytes int64
	bytes    int64
	reached  bool
}

// NewLimit returns a limit that adapts, or, for more than zero records, one that stays. Zero bytes is no bound.
func NewLimit(records int, bytes int64) *Limit {
	if records > 0 {
		return &Limit{bound: records, fixed: true, maxBytes: bytes}
	}
	return &Limit{bound: firstBound, maxBytes: bytes}
}

// Full says whether another record must stay outside while so many are in flight. When none is, one is let in
// whatever its size: so one that is larger than all bytes passes, alone or as the last.
func (l *Limit) Full(inFlight int) bool {
	if inFlight == 0 {
		return false
	}
	if inFlight >= l.bound {
		l.reached = true
		return true
	}
	return l.maxBytes > 0 && l.bytes >= l.maxBytes
}

// Add counts bytes of a record that comes, or, negative, of one that has ended.
func (l *Limit) Add(bytes int64) { l.bytes += bytes }

// Bytes is how many are in flight.
func (l *Limit) Bytes() int64 { return l.bytes }

// Bound is how many records may be in flight now.
func (l *Limit) Bound() int { return l.bound }

// Observe adapts the bound to what was seen since the last call: how many records wait for reads, whether memory
// is short. Call it every so often; each call doubles or halves once at most.
func (l *Limit) Observe(reading int, short bool) {
	reached := l.reached
	l.reached = false
	switch {
	case l.fixed:
	case short:
		l.bound = max(1, l.bound/2)
	case reached && reading > 0:
		l.bound = min(mostBound, 2*l.bound)
	}
}
