package async

const (
	firstBound = 1024
	mostBound  = 65536
	// leastBound is where a limit starts however many share the process; together they start at twice firstBound.
	leastBound = 64
)

// Limit bounds the records in flight, by number and by bytes. The number adapts: it starts at 1,024 records, or fewer if
// many limits share a process, and doubles, up to 65,536, as long as it is reached while records wait for reads, but once
// for as many records as it lets in: then what is in flight shows what the last change has done. It does not where reads
// queue up already, for readers: there more records in flight wait for longer, and so do barriers for them. If they do
// twice in a row it goes back, though not below where it started. The bytes are those of the records and of the
// state that they bring, and follow the memory that there is for them. It is for one goroutine. Derived records do not
// ask it; they count for those that do.
type Limit struct {
	bound    int
	fixed    bool
	first    int  // zero before anything has been seen
	crowded  bool // when last looked at
	maxBytes int64
	bytes    int64
	reached  bool   // since it was looked at last
	held     bool   // since then, and records waited for reads meanwhile
	looked   uint64 // how many records had ended when the bound was looked at last
}

// NewLimit returns a limit that adapts, or, for more than zero records, one whose number stays.
func NewLimit(records int) *Limit {
	if records > 0 {
		return &Limit{bound: records, fixed: true}
	}
	return &Limit{bound: firstBound}
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

// Add counts bytes of records that come, or, negative, of some that have ended.
func (l *Limit) Add(bytes int64) { l.bytes += bytes }

// Bytes is how many are in flight.
func (l *Limit) Bytes() int64 { return l.bytes }

// Bound is how many records may be in flight now.
func (l *Limit) Bound() int { return l.bound }

// Seen is what a limit goes by.
type Seen struct {
	Ended    uint64 // records, ever
	Reading  int    // reads that records wait for
	Crowded  bool   // whether reads queue up
	Sharers  int64  // limits in the process
	MaxBytes int64  // that may be in flight; zero for no bound
}

// Observe adapts the limit. Call it every so often.
func (l *Limit) Observe(s Seen) {
	l.maxBytes = s.MaxBytes
	if l.fixed {
		return
	}
	if l.first == 0 {
		l.first = int(min(firstBound, max(leastBound, 2*firstBound/max(1, s.Sharers))))
		l.bound = l.first
	}
	l.held = l.held || l.reached && s.Reading > 0
	if s.Ended-l.looked >= uint64(l.bound) {
		l.look(s)
	}
}

// look changes the bound when as many records have ended as it lets in.
func (l *Limit) look(s Seen) {
	switch {
	case s.Crowded && l.crowded && l.bound > l.first:
		l.bound /= 2
	case !s.Crowded && l.held && l.bound < mostBound:
		l.bound *= 2
	}
	l.looked, l.crowded, l.reached, l.held = s.Ended, s.Crowded, false, false
}
