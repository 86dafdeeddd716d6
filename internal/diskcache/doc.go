// Package diskcache keeps chunks of immutable objects of object stores in two files on a local disk: one cache
// for the process, over any number of stores. It is filled by reads and by what is written, survives restarts and
// crashes, and may be lost or damaged at any time: then the stores are read instead.
//
// What always holds:
//
//   - A read returns the object's bytes or the store's error. Whatever the files hold, bytes are returned only if
//     their checksums fit, and only while their slot has not been given to others.
//   - Only reads that tell the size of their object (objstore.Sized) are served: such objects are written once,
//     by Create, and their names are not used for other objects. All else passes to the store unchanged.
//   - The files take no more than the size they may have, once the cache's goroutine has seen a new limit, and
//     give way when the disk has less free space than is to be kept.
//   - A disk that fails or is full costs remote reads, never an error.
//   - One goroutine writes the files. No lock is held while a disk or a store is waited for, and no read or
//     upload waits for a write to the disk.
//   - Readers of one missing chunk share one request, which goes on until the last of them has given up.
//
// A chunk is 64 KiB of an object, from a multiple of 64 KiB on; only the last one of an object is shorter. What
// goes when room is needed is decided by S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
// SOSP 2023): a chunk enters a small queue, and only one that is used again, in another second, gets on to the
// main queue.
package diskcache
