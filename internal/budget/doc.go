// Package budget owns the rate at which one tenant's Graph may be asked: the limit as people write it, the slots at
// which requests may leave, and the pause after Graph said to wait.
//
// Budget is what all processes on all machines share, in a row of the database: Lane.Take has slots reserved by one
// statement, Lane.Due says at the wire whether one may be used, Lane.Throttled pauses everybody.
//
// It waits for nothing but one statement of the database, and never touches Graph.
package budget
