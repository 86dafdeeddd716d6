package lsm

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many tables of a set are finished at a time while the next is being written: the store takes its time to
// make an object durable, and small tables are many.
const atOnce = 4

// uploads are the tables of a set that are becoming durable. One goroutine begins them, and waits for all.
type uploads struct {
	*errgroup.Group
	good context.Context // ends with the first failure
}

func newUploads() uploads {
	group, good := errgroup.WithContext(context.Background()) // requests have the contexts of their objects
	group.SetLimit(atOnce)
	return uploads{group, good}
}

// upload is an object that ends in the background. It implements objstorage.Writable for a table's writer.
type upload struct {
	*object
	uploads uploads
}

// Finish begins to make the object durable, after a wait for a turn. Whether that fails is for the uploads to say.
func (u upload) Finish() error {
	u.uploads.Go(func() error {
		if err := u.object.Finish(); err != nil {
			return fmt.Errorf("table %s: %w", u.name, err)
		}
		return nil
	})
	return nil
}
