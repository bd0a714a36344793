//go:build !linux

package budget_test

// isPart: without a clock that all processes share there are no tests of several.
func isPart() bool { return false }
