// Package measure has what benchmarks measure with: processor time, memory, durations, goals, and stores that are far
// away.
//
// What always holds: a [Remote] changes nothing about its store but how long reads take.
package measure
