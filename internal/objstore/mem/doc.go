// Package mem is an object store in memory: the twin of the real ones for tests, and the store of jobs that
// need not survive their process.
//
// What always holds: it keeps package objstore's contract; what Clone returns shares nothing with it.
package mem
