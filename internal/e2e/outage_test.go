package e2e

import (
	"sync"
	"testing"
)

// What takes the database or a network away, and what comes of it. These tests mostly wait, so more of them go on at once
// than there are processors.
func TestOutages(t *testing.T) {
	t.Parallel()
	scenes := append([]scene{
		{"server", serverGoes},
		{"way to the database", wayToTheDatabase},
		{"way to Graph", wayToGraph},
		{"connections", lostConnections},
		{"no connections", outOfConnections},
		{"recorder", recorderCannotCommit},
	}, scenesOfDisks...)
	places := make(chan struct{}, 4)
	var all sync.WaitGroup
	for _, s := range scenes {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			t.Run(s.name, s.play)
		})
	}
	all.Wait()
}

// scene is a test of one kind of outage.
type scene struct {
	name string
	play func(*testing.T)
}
