// Package dir is an object store in a directory. Objects are files under their names; what begins with a dot is
// its own: .tmp for files being written, .lock and .swap for locks.
//
// What always holds: it keeps package objstore's contract across processes and power failures. A file gets its
// name after its bytes are on disk, and a call returns after the name is.
package dir
