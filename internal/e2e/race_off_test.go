//go:build !race

package e2e

const buildMode = "-race=false"
