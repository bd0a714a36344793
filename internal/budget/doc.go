// Package budget owns the rate at which one tenant's Graph may be asked: the limit as people write it, the slots at
// which requests may leave, and the pause after Graph said to wait.
//
// It decides from the instants it is given; it never sleeps and never touches the network.
package budget
