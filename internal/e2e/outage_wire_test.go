package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// wire is a way between two programs on which things go wrong.
type wire struct {
	tb    testing.TB
	proxy *toxiproxy.Proxy
}

// newWire leads to a TCP address of this machine.
func newWire(tb testing.TB, to string) *wire {
	tb.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics have a logger of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{tb, toxiproxy.NewProxy(server, "wire", "127.0.0.1:0", to)}
	if err := w.proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.proxy.Stop)
	return w
}

func (w *wire) addr() string { return w.proxy.Listen }

// toxic is what goes wrong, in toxiproxy's words.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Attributes map[string]int `json:"attributes"`
}

// poison lets things go wrong, also on connections that are there, until the returned function is called.
func (w *wire) poison(all ...toxic) (cure func()) {
	w.tb.Helper()
	for i := range all {
		if all[i].Stream == "" {
			all[i].Stream = "downstream"
		}
		all[i].Name = all[i].Type + " " + all[i].Stream
		text, err := json.Marshal(all[i])
		if err != nil {
			w.tb.Fatal(err)
		}
		if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
			w.tb.Fatalf("%v: %s", err, text)
		}
	}
	return func() {
		w.tb.Helper()
		for _, one := range all {
			if err := w.proxy.Toxics.RemoveToxic(w.tb.Context(), one.Name); err != nil {
				w.tb.Errorf("%s: %v", one.Name, err)
			}
		}
	}
}
