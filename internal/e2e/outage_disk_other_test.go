//go:build !linux

package e2e

// A small disk is mounted with Linux's own call.
var scenesOfDisks []scene
