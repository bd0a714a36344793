package cli

import (
	"os"
	"os/user"
)

// Actor is the flag that says who did it.
type Actor struct {
	Actor string `placeholder:"NAME" help:"Who does this, for the audit (default: user@host)."`
}

// Name returns the actor.
func (a Actor) Name() string {
	if a.Actor != "" {
		return a.Actor
	}
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name + "@" + Host()
}

// Host returns the name of this machine.
func Host() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return host
}
