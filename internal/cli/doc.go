// Package cli is what the commands have in common: flags and environment, exit codes, the way a person and a pipe are
// told the same thing.
//
// It decides nothing about rows, runs or Graph.
package cli
