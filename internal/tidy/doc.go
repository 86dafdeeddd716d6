// Package tidy holds the rules of the project that a compiler does not know, as tests: which packages may
// import which, what pure packages must not touch, and that every package says what it is for.
package tidy
