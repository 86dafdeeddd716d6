// Package open turns the place of state, as users write it, into an object store.
//
// What always holds:
//
//   - A path, and file:// with a path, is a directory; mem: is memory; s3:// and gs:// are buckets,
//     az:// is a container. Nothing else is taken.
//   - A mistake in a place is an error of kind base.Config that says which forms there are, and no secret.
package open
