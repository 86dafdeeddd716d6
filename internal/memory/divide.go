package memory

// Use is what is used of a process's memory, in bytes.
type Use struct {
	// Live is the heap that was alive at the last collection; zero before the first.
	Live int64
	// Scan is how much of it the collector looks through, as it does not where there are no pointers.
	Scan int64
	// Tables and Blocks are the parts of it that shares are given for.
	Tables, Blocks int64
}

// Shares are the bytes that the hot tables, and the blocks of tables, may take.
type Shares struct{ Tables, Blocks int64 }

const (
	// leastTables and leastBlocks are given whatever the limit is, or an eighth and a sixteenth of it.
	leastTables = 64 << 10
	leastBlocks = 8 << 20
	mostBlocks  = 16 << 30 // more would not be of use
)

func least(limit int64) Shares {
	return Shares{max(leastTables, limit/8), max(leastBlocks, limit/16)}
}

// bursts is what rows on their way and buffers may come to take beyond what they had at the last collection.
const bursts = 256 << 20

// alive is how much of the limit may be alive: as much as leaves room for bursts, and for the garbage that the heap grows by
// from one collection to the next, which is what the collector has to scan, or an eighth of the limit if that is more.
func alive(limit, scan int64) int64 {
	return min(limit/5*4, max(limit/5*3, limit-max(scan, limit/8)-bursts))
}

// first are the shares to begin with, when nothing has been measured.
func first(limit int64) Shares {
	l := least(limit)
	few := alive(limit, limit)
	return Shares{Tables: max(l.Tables, few/4), Blocks: max(l.Blocks, few/8)}
}

// divide returns the shares for what is used with the shares before. What tables use they keep.
func divide(limit int64, u Use, before Shares) Shares {
	l := least(limit)
	rest := max(0, u.Live-u.Tables-u.Blocks)
	pool := alive(limit, u.Scan) - rest
	wanted := Shares{Tables: wants(u.Tables, before.Tables, pool), Blocks: wants(u.Blocks, before.Blocks, pool)}
	left := pool - max(u.Tables, l.Tables)
	blocks := max(l.Blocks, min(wanted.Blocks, max(pool/4, pool-wanted.Tables), left, mostBlocks))
	return Shares{Tables: max(l.Tables, min(pool-blocks, grown(before.Tables))), Blocks: blocks}
}

// wants is what somebody can use: twice its share, if that is nearly used up, and else what it uses and some more.
func wants(used, share, pool int64) int64 {
	if used >= share/10*9 {
		return min(pool, 2*share)
	}
	return min(pool, used+used/4)
}

// grown is how far a share may grow in a step.
func grown(share int64) int64 { return share + share/8 + 1<<20 }
