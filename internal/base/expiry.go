package base

import "encoding/binary"

// A stored value begins with a number below MaxNumber, that of its schema. Of one that expires, MaxNumber has been
// added to it, and eight bytes follow that say when: so who merges tables sees it, and knows nothing else of values.
const (
	// MaxNumber is how many numbers a stored value can begin with.
	MaxNumber = 128

	expiryLen = 1 + 8
)

// AppendNumber begins a stored value that does not expire.
func AppendNumber(dst []byte, number int) []byte { return append(dst, byte(number)) }

// AppendExpiry begins a stored value that expires at a time, in milliseconds since 1970.
func AppendExpiry(dst []byte, number int, until int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, byte(number)|MaxNumber), uint64(until))
}

// Expiry is when a stored value expires, in milliseconds since 1970. It is not ok for one that does not.
func Expiry(value []byte) (until int64, ok bool) {
	if len(value) < expiryLen || value[0] < MaxNumber {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(value[1:])), true
}

// SplitValue takes the beginning off a stored value. It is not ok for one that is too short to have been written.
func SplitValue(value []byte) (number int, until int64, expires bool, rest []byte, ok bool) {
	if len(value) == 0 {
		return 0, 0, false, nil, false
	}
	if value[0] < MaxNumber {
		return int(value[0]), 0, false, value[1:], true
	}
	until, ok = Expiry(value)
	if !ok {
		return 0, 0, false, nil, false
	}
	return int(value[0]) - MaxNumber, until, true, value[expiryLen:], true
}
