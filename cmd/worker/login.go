package main

import (
	"context"

	"graphpatch/internal/cli"
)

type loginCommand struct {
	cli.Graph
}

// Run waits until somebody has entered the code.
func (c *loginCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.Login(ctx, streams.Out)
}

type logoutCommand struct {
	cli.Graph
}

// Run removes the login from this machine.
func (c *logoutCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.Logout(ctx, streams.Out)
}
