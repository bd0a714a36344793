//go:build !linux

package postgres

import "syscall"

// limitUnheard is Linux's alone; elsewhere the deadlines of statements do it, and the probes.
func limitUnheard(string, string, syscall.RawConn) error { return nil }
