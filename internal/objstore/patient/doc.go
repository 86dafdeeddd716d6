// Package patient makes reads of an object store wait while the store cannot be reached: what reads is held up, and
// goes on by itself when the store is back.
//
// What always holds:
//
//   - An error that time does not heal comes back at once: an object that is missing or too short, a mistake of
//     configuration, the end of the context.
//   - Any other comes back when it has lasted for as long as the store's patience.
package patient
