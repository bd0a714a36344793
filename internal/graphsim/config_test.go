package graphsim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

func TestNewReportsAllFaults(t *testing.T) {
	_, err := graphsim.New(graphsim.Config{
		Addr:            "10.0.0.1:80",
		Tokens:          []string{"good", "two words"},
		WriteLimit:      graphsim.Limit{Requests: -1, Window: time.Second},
		ReadLimit:       graphsim.Limit{Requests: 1, Window: -time.Second},
		Latency:         -time.Second,
		Jitter:          -time.Millisecond,
		Faults:          []graphsim.Fault{{Kind: "418"}, {Kind: "500", Rate: 0.7}, {Kind: "503", Rate: 0.7}},
		FaultRetryAfter: "1\r\nX: y", SlowBodyTime: -time.Second,
		Statuses: -1, PageSize: -2, KeepRequests: -3,
	})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`address "10.0.0.1:80" is not loopback: the simulator must not be reachable by others, unless it is made public on purpose`,
		`write limit -1/1s: the number of requests must be 1 to 10000000`,
		`read limit 1/-1s: the window must be longer than zero`,
		`latency -1s: must not be negative`,
		`jitter -1ms: must not be negative`,
		`statuses -1: must not be negative`,
		`page size -2: must not be negative`,
		`keep requests -3: must not be negative`,
		`token 2: empty or with white space in it`,
		`fault retry-after "1\r\nX: y": must be one line`,
		`slow body time -1s: must not be negative`,
		`fault kind "418" is unknown: there are ` + strings.Join(faultKinds(), ", "),
		`the rates of the faults add up to 1.4, more than 1`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:0": true, "127.9.9.9:1": true, "[::1]:80": true, "localhost:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.1:80": false, "example.com:80": false, "127.0.0.1": false,
	} {
		_, err := graphsim.New(graphsim.Config{Addr: addr})
		if got := err == nil; got != want {
			t.Errorf("%s: accepted %v, want %v (%v)", addr, got, want, err)
		}
	}
	if _, err := graphsim.New(graphsim.Config{Addr: "0.0.0.0:80", Public: true}); err != nil {
		t.Errorf("public: %v", err)
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]graphsim.Limit{
		"100/20s":       {Requests: 100, Window: 20 * time.Second},
		"1/1ms":         {Requests: 1, Window: time.Millisecond},
		"10000000/1m0s": {Requests: 10_000_000, Window: time.Minute},
	} {
		got, err := graphsim.ParseLimit(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "100", "/20s", "100/", "x/20s", "100/20", "0/20s", "-1/20s", "1.5/20s", "1/0s", "1/-1s", "10000001/1s", "1/2/3"} {
		if got, err := graphsim.ParseLimit(text); err == nil {
			t.Errorf("%q was taken as %v", text, got)
		}
	}
}
