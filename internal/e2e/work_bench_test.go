package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// BenchmarkWork measures PATCHes per second of `worker --drain`, with everything recorded, against a bare loop that only
// PATCHes: the same bodies, the same simulator in a process of its own, the same cores. Both are timed by the
// simulator's own log, from the first request to the last.
func BenchmarkWork(b *testing.B) {
	const rows, pairs = 60_000, 5
	k := newBenchKit(b)
	root := k.simulator()
	k.env["GRAPH_WRITE_LIMIT"] = "1000000000/20s"
	file := k.sample(rows)
	for b.Loop() {
		var shares, speeds []float64
		for range pairs {
			k.reset(root)
			k.ok("enqueue", "csv", "--again", file)
			k.ok("worker", "--drain")
			worked, bodies := k.rate(root, rows)
			k.reset(root)
			k.bareLoop(root, bodies)
			bare, _ := k.rate(root, rows)
			shares = append(shares, worked/bare)
			speeds = append(speeds, worked)
		}
		b.Logf("share of the bare loop: %s", spread(shares))
		b.ReportMetric(median(shares), "of_bare_loop")
		b.ReportMetric(median(speeds), "PATCH/s")
	}
}

// rate returns the requests per second that the simulator saw, and the requests.
func (k *kit) rate(root string, want int) (float64, []request) {
	k.tb.Helper()
	requests := patches(k, root)
	if len(requests) != want {
		k.tb.Fatalf("the simulator saw %d requests, want %d", len(requests), want)
	}
	first, last := requests[0].At, requests[0].At
	for _, r := range requests {
		if r.Status != http.StatusOK {
			k.tb.Fatalf("answered %d: %+v", r.Status, r)
		}
		if r.At.Before(first) {
			first = r.At
		}
		if r.At.After(last) {
			last = r.At
		}
	}
	return float64(want) / last.Sub(first).Seconds(), requests
}

// inFlight is how many requests the bare loop has under way at once.
const inFlight = 100

// bareLoop sends the same requests and drops the answers.
func (k *kit) bareLoop(root string, requests []request) {
	k.tb.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: inFlight, MaxIdleConnsPerHost: inFlight, DisableCompression: true}}
	defer client.CloseIdleConnections()
	work := make(chan request)
	var loops sync.WaitGroup
	for range inFlight {
		loops.Go(func() {
			for r := range work {
				if err := patch(client, root+r.Path, r.Body); err != nil {
					k.tb.Error(err)
				}
			}
		})
	}
	for _, r := range requests {
		work <- r
	}
	close(work)
	loops.Wait()
}

func patch(client *http.Client, url, body string) error {
	req, err := http.NewRequest(http.MethodPatch, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer bench")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Client-Request-Id", uuid.NewString())
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: answered %d", url, resp.StatusCode)
	}
	return nil
}
