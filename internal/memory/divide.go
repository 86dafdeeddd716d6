package memory

// Use is what is used of a process's memory, in bytes.
type Use struct {
	// Live is the heap that was alive at the last collection; zero before the first.
	Live int64
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

// alive is how much of the limit may be alive.
func alive(limit int64) int64 { return limit / 5 * 3 }

// first are the shares to begin with, when nothing has been measured.
func first(limit int64) Shares {
	l := least(limit)
	return Shares{Tables: max(l.Tables, alive(limit)/4), Blocks: max(l.Blocks, alive(limit)/8)}
}

// divide returns the shares for what is used with the shares before. What tables use they keep.
func divide(limit int64, u Use, before Shares) Shares {
	l := least(limit)
	rest := max(0, u.Live-u.Tables-u.Blocks)
	pool := alive(limit) - rest
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
