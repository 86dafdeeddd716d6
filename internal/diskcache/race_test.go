//go:build race

package diskcache

const (
	raceEnabled = true
	histories   = 1
)
