package graphsim_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"graphpatch/internal/graphsim"
)

// BenchmarkPATCH measures the simulator over keep-alive connections, with a
// client that does next to nothing: it writes bytes and reads one answer.
func BenchmarkPATCH(b *testing.B) {
	sim, err := graphsim.New(graphsim.Config{WriteLimit: graphsim.Limit{Requests: 10_000_000, Window: time.Second}})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	var next atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for pb.Next() {
			if err := exchangeRaw(conn, answers, next.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "PATCH/s")
}

func exchangeRaw(conn net.Conn, answers *bufio.Reader, n int64) error {
	_, err := fmt.Fprintf(conn, "PATCH %s/00000000-0000-4000-8000-%012d HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer token\r\n"+
		"Accept: application/json\r\nContent-Type: application/json\r\nclient-request-id: 5b0a4c3e-1a0b-4a57-8f2b-%012d\r\nContent-Length: %d\r\n\r\n%s",
		plainRoute, n%100_000, n, len(documentedBody), documentedBody)
	if err != nil {
		return err
	}
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	return err
}
