//go:build race

package e2e

// buildMode has the programs built like the tests, so that a race in them is found as well.
const buildMode = "-race"
