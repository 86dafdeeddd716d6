// Package metric has the names of what a running job tells of itself in numbers, in the manner of Prometheus: the words
// are fixed here, whoever serves them.
//
// What always holds:
//
//   - A name says its unit: _bytes, _seconds; what only grows ends in _total.
//   - Every name is in All once, with a type, a line of help and the names of its labels, and in docs/metrics.md.
//   - A Sample has exactly the labels of its metric, in the same order, and one value.
package metric
