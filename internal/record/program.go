package record

import "reflect"

// opcode is what an op encodes or decodes.
type opcode uint8

const (
	opByte opcode = iota // 1 byte as it is
	opBool
	opInt16 // signed numbers as zig-zag varints
	opInt32
	opInt64
	opUint16 // unsigned ones as varints
	opUint32
	opUint64
	opFloat32 // floats as their bits, little-endian
	opFloat64
	opString  // length, bytes
	opBytes   // 0 for nil, or length + 1, bytes
	opRaw     // an array of n bytes
	opArray   // n elements
	opSlice   // 0 for nil, or length + 1, elements
	opMap     // 0 for nil, or length + 1, keys with values, sorted
	opPointer // 0 for nil, or 1, element
	opTime    // seconds, nanoseconds, offset
	opBinary  // length, bytes of MarshalBinary
	opCodec   // length, bytes of AppendState
	opSkip    // elem, of a field that the reader has not; for decoding only
)

// op encodes or decodes one field, or one array of fields.
type op struct {
	code opcode
	off  uintptr      // of the field, from the start of the value, in bytes
	n    int          // elements of an array
	typ  reflect.Type // of the field; nil in programs that skip
	key  *program
	elem *program
}

// program is a type compiled into ops. Nested structs are flattened. It works on any memory that holds a
// value of that type.
type program struct {
	ops  []op
	size uintptr // from one element to the next in memory, in bytes
	min  int     // the shortest encoding, in bytes: zero only if there are no ops
}

// maxMin is where program.min stops to count: no encoding is that long.
const maxMin = 1 << 30

// add appends an op whose encoding has at least the given length.
func (p *program) add(o op, least int) {
	p.ops = append(p.ops, o)
	p.min = min(p.min+least, maxMin)
}

// scalars are the kinds that are encoded without regard to anything else.
var scalars = map[string]struct {
	code opcode
	min  int
}{
	"bool": {opBool, 1}, "int8": {opByte, 1}, "uint8": {opByte, 1},
	"int16": {opInt16, 1}, "int32": {opInt32, 1}, "int64": {opInt64, 1}, "int": {opInt64, 1},
	"uint16": {opUint16, 1}, "uint32": {opUint32, 1}, "uint64": {opUint64, 1}, "uint": {opUint64, 1},
	"float32": {opFloat32, 4}, "float64": {opFloat64, 8},
	kindString: {opString, 1}, kindBytes: {opBytes, 1}, kindTime: {opTime, 3},
	kindBinary: {opBinary, 1}, kindCodec: {opCodec, 1},
}
