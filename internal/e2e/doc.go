// Package e2e runs the built programs as a user would: scenes that must work, and benchmarks of whole processes as a
// share of what the same machine can do at best in the same run. `make bench` runs the latter; docs/performance.md has
// their figures.
package e2e
