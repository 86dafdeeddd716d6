//go:build !linux

package diskcache

import (
	"math"
	"os"
)

// freeBytes is not known here: only the size of the cache bounds it.
func freeBytes(dir string) (int64, error) {
	_, err := os.Stat(dir)
	return math.MaxInt64, err
}
