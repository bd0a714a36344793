// Package ledger writes what graphpatch knows: runs, their updates, what is in flight, the events of the audit and the
// counts of a run. It is the only writer of those tables.
//
// The order of locks is the same everywhere, otherwise transactions would wait for each other in a circle: in_flight
// (by target), audit_event, run_count (by run), run. Nothing here waits for the network or holds a connection longer
// than its own transaction.
package ledger
