// Package record turns Go types into what the engine stores and sends: codecs of keys and values that are
// derived from the types once, at plan time; the layout of a type, which decides how hot tables keep it;
// and the pool of batches.
//
//	type ──► schema ──► program ──► Append, Decode, Hash     (no reflection per field)
//	           │
//	           └──► manifest ──► DecoderFor                  (an older type's values into the newer type)
//
// What always holds:
//
//   - Equal keys have equal encodings, on every machine; the order of encoded keys as bytes is that of the
//     keys, field by field; no encoded key is the beginning of another, so whatever follows a key in a
//     table's key does not disturb that order.
//   - [KeyCodec.Hash] is [base.Hash] of the encoded key, whichever short cut computes it.
//   - What Append wrote, Decode restores: nil and empty slices, maps and pointers stay apart. Left out are
//     only fields named _ and tagged `aquifer:"-"`, and a time's monotonic reading and zone name.
//   - Equal values of types without encodings of their own have equal encodings: maps are written sorted.
//   - Damaged bytes never cause a panic (in code of this package), and never an allocation out of proportion
//     to their number.
//   - A decoded value shares no memory with the bytes it was decoded from.
//   - Codecs do not change once made: they are safe for concurrent use.
//   - A type that cannot be encoded is refused when its codec is made, with the path of the field.
package record
