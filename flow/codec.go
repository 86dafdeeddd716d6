package flow

// Codec is implemented (by a type of the user's choice, usually *T) to bring an own encoding of a type as
// state value. Types without it get a codec derived from their fields.
type Codec interface {
	// AppendState appends the encoded value to dst.
	AppendState(dst []byte) []byte
	// DecodeState sets the value from its encoding. It must not keep b.
	DecodeState(b []byte) error
	// StateSchema names the encoding and its version. A checkpoint written under another schema is refused.
	StateSchema() string
}
