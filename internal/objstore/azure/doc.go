// Package azure is an object store in a container of Azure Blob Storage, by its REST interface.
//
// What always holds:
//
//   - What package remote promises.
//   - The version of an object is its ETag.
//   - A big object is blocks of 8 MiB, two at the same time, which its writer alone knows: writers of the same name do
//     not mix theirs. Blocks that no object was made of are invisible, and Azure drops them after a week.
//   - Accounts with a hierarchical namespace are refused: their lists are not in the order of names.
package azure
