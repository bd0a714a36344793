// Package jobs is the only room that knows River. It cuts runs into slices, works them in boxes of 20 s, records what
// happened in group commits, and sees to it that no open row is ever without a job.
//
// Which rows are open, what is in flight and what an answer meant are not its own ideas: those belong to ledger and
// graph. Here it is decided when a row comes again, and when it does not.
package jobs
