package postgres

import (
	"net"
	"time"
)

// A network that swallows packets tells nobody. These are for how long a peer may be silent: long enough for a network
// that stumbles, short enough that who waits for a lost connection does not wait for the system, which gives up after
// minutes, or for what is idle after hours.
const (
	// pingTimeout is how long an idle connection of a pool may take to show that it is alive before another one is tried.
	// Without it one lost connection uses up the time of whoever asks for one, and a pool has a dozen.
	pingTimeout = 2 * time.Second
	// unheard is how long what was sent may go without an acknowledgement.
	unheard = 15 * time.Second
)

// dialer connects with probes that find an idle connection dead after half a minute.
func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         limitUnheard,
	}
}
