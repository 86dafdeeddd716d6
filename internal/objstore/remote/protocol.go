package remote

import (
	"context"
	"io"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Protocol sends requests to one kind of server, each of them once: Store repeats them. Keys are names with the
// prefix of the store before them. All methods are safe for concurrent use, and no error contains a secret.
type Protocol interface {
	// Get begins to read an object, or a part of it.
	Get(ctx context.Context, key string, part Part) (Answer, error)
	// Head returns what the server knows of an object.
	Head(ctx context.Context, key string) (Head, error)
	// Put writes an object if it is at version old (the zero Version: if there is none), with a token.
	Put(ctx context.Context, key string, old objstore.Version, token string, data []byte) (objstore.Version, error)
	// Delete removes an object. What is not there may be an error that is judged to be Missing.
	Delete(ctx context.Context, key string) error
	// List returns a page of the keys that begin with a prefix, in their order. From is empty, or the Next of the
	// page before.
	List(ctx context.Context, prefix, from string) (Page, error)
	// Begin begins an object of many parts, which will carry a token.
	Begin(ctx context.Context, key, token string) (Upload, error)
	// Unfinished returns a page of the uploads beneath a prefix that were begun and not ended, if their parts do
	// not vanish by themselves.
	Unfinished(ctx context.Context, prefix, from string) (uploads []Unfinished, next string, err error)
	// Judge says what an error of the other methods means. It is not asked about the end of a context.
	Judge(err error) Verdict
}

// Part is what is to be read of an object.
type Part struct {
	Off, Len int64            // Len 0: the whole object
	Version  objstore.Version // if not empty, of that version only
}

// Answer are the bytes of an object on their way. The receiver closes the body.
type Answer struct {
	Body    io.ReadCloser
	Size    int64 // of the body; negative if the server does not say
	Version objstore.Version
	Partial bool // the server has heeded the range
}

// Head is what a server knows of an object.
type Head struct {
	Size    int64
	Version objstore.Version
	Token   string        // that it was written with
	Age     time.Duration // since it was written, by the server's clock
}

// Page is a part of a list. An empty Next is the end.
type Page struct {
	Objects []objstore.Object // with keys for names
	Next    string
}

// Upload is an object that is written in parts. Only Part is called by several goroutines.
type Upload interface {
	// Part sends a part, numbered from 1. When it has failed it may be called again.
	Part(ctx context.Context, number int, data []byte) error
	// Complete makes an object of so many parts if there is none of that name. When it has failed it may be called
	// again.
	Complete(ctx context.Context, parts int) error
	// Abort drops the parts. An upload that is not there any more may be an error that is judged to be Missing.
	Abort(ctx context.Context) error
}

// Unfinished is an upload that somebody began.
type Unfinished struct {
	Key    string
	Upload Upload
}

// Kind describes what stores of a protocol have in common.
type Kind struct {
	Requests  Requests
	Condition string // what to use if a list is not in the order of names, as in "a general-purpose bucket"
	PartBytes int    // an object up to this size is one request, a larger one is parts of this size
	Sending   int    // parts at the same time, while the next is filled
	MaxParts  int    // of one object; 0: any number
}

// Requests is what a protocol calls its requests, for errors.
type Requests struct {
	Get, Head, Put, Delete, List, Begin, Part, Complete, Abort, Unfinished string
}
