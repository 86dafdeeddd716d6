package diskcache

import (
	"io"
	"os"
)

// file is what the cache needs of a file.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
}

// disk is what the cache needs of the system. Tests have one that fails.
type disk struct {
	open func(path string) (file, error)           // creates the file if there is none
	free func(dir string) (bytes int64, err error) // that others leave to the user
}

func systemDisk() disk {
	return disk{
		open: func(path string) (file, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) },
		free: freeBytes,
	}
}
