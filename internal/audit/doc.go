// Package audit reads what the ledger wrote: runs with their counts, the events of the audit, why rows failed.
//
// It never writes, never logs and never prints, and holds nothing in memory but what it returns: a history of ten
// million events is streamed. Every value that a filter carries reaches the database as a parameter.
package audit
