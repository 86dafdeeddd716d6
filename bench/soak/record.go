package soak

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Record is what a key holds: how often it has been visited, and a payload that follows from the key and that number.
// Payloads cannot be compressed.
type Record struct {
	Count   int64
	Payload []byte
}

// recordOf is the record of a key after a number of visits.
func recordOf(key, count, size int64) Record {
	payload := make([]byte, 0, size+7)
	x := mix(uint64(key)) ^ mix(uint64(count)<<32)
	for int64(len(payload)) < size {
		x = mix(x)
		payload = binary.LittleEndian.AppendUint64(payload, x)
	}
	return Record{count, payload[:size]}
}

// check says what is wrong with the record of a key that has been visited a number of times.
func (r Record) check(key, count, size int64) error {
	switch want := recordOf(key, count, size); {
	case r.Count != count:
		return fmt.Errorf("key %d has been visited %d times, want %d", key, r.Count, count)
	case count > 0 && !bytes.Equal(r.Payload, want.Payload):
		return fmt.Errorf("key %d: the payload of %d bytes is not that of visit %d", key, len(r.Payload), count)
	}
	return nil
}
