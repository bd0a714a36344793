package graph_test

import (
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"graphpatch/internal/graph"
)

// answeredAt is what the Date header says; the local clock is an hour ahead.
const answeredAt = "Tue, 18 Aug 2020 12:51:51 GMT"

var localClock = time.Date(2020, time.August, 18, 13, 51, 51, 0, time.UTC)

var retryAfters = []struct {
	values []string
	want   time.Duration
	ok     bool
}{
	{nil, 0, false},
	{[]string{""}, 0, false},
	{[]string{"  \t"}, 0, false},
	{[]string{"1"}, time.Second, true},
	{[]string{" 7 "}, 7 * time.Second, true},
	{[]string{"315"}, 315 * time.Second, true},
	{[]string{"0"}, 0, true},
	{[]string{"007"}, 7 * time.Second, true},
	{[]string{"0.249"}, 249 * time.Millisecond, true},
	{[]string{"2.128"}, 2128 * time.Millisecond, true},
	{[]string{"0.9"}, 900 * time.Millisecond, true},
	{[]string{"0.0001"}, time.Millisecond, true},
	{[]string{"1.0000001"}, 1001 * time.Millisecond, true},
	{[]string{".5"}, 500 * time.Millisecond, true},
	{[]string{"5."}, 5 * time.Second, true},
	// Two values in one header, as users report it.
	{[]string{"0,120"}, 120 * time.Second, true},
	{[]string{"30,120"}, 120 * time.Second, true},
	{[]string{"120,30"}, 120 * time.Second, true},
	{[]string{"1, 5"}, 5 * time.Second, true},
	{[]string{"5 , 1"}, 5 * time.Second, true},
	{[]string{"1,2,3.5"}, 3500 * time.Millisecond, true},
	{[]string{",4,"}, 4 * time.Second, true},
	{[]string{"soon, 5"}, 5 * time.Second, true},
	{[]string{"1", "5", "2"}, 5 * time.Second, true},
	{[]string{"garbage", "2"}, 2 * time.Second, true},
	// Dates, in the three forms of RFC 9110, relative to the answer's Date.
	{[]string{"Tue, 18 Aug 2020 12:52:21 GMT"}, 30 * time.Second, true},
	{[]string{"Tuesday, 18-Aug-20 12:52:21 GMT"}, 30 * time.Second, true},
	{[]string{"Tue Aug 18 12:52:21 2020"}, 30 * time.Second, true},
	{[]string{"Tue, 18 Aug 2020 12:51:51 GMT"}, 0, true},
	{[]string{"Tue, 18 Aug 2020 12:51:50 GMT"}, 0, true},
	{[]string{"Mon, 01 Jan 0001 00:00:00 GMT"}, 0, true},
	{[]string{"Fri, 31 Dec 9999 23:59:59 GMT"}, 24 * time.Hour, true},
	{[]string{"Tue, 18 Aug 2020 12:52:21 GMT", "5"}, 30 * time.Second, true},
	{[]string{"5, Tue, 18 Aug 2020 12:52:21 GMT"}, 30 * time.Second, true},
	{[]string{"Tue, 18 Aug 2020 12:52:21 GMT, 45"}, 45 * time.Second, true},
	// Nonsense is as good as missing, but a long wait is a long wait.
	{[]string{"-1"}, 0, false},
	{[]string{"-1", "-5"}, 0, false},
	{[]string{"+1"}, 0, false},
	{[]string{"soon"}, 0, false},
	{[]string{"1s"}, 0, false},
	{[]string{"1e300"}, 0, false},
	{[]string{"0x10"}, 0, false},
	{[]string{"NaN"}, 0, false},
	{[]string{"Inf"}, 0, false},
	{[]string{"."}, 0, false},
	{[]string{"1.2.3"}, 0, false},
	{[]string{"1_000"}, 0, false},
	{[]string{"Tue, 18 Aug 2020 12:52:21 CET"}, 0, false},
	{[]string{"86400"}, 24 * time.Hour, true},
	{[]string{"86401"}, 24 * time.Hour, true},
	{[]string{strings.Repeat("9", 400)}, 24 * time.Hour, true},
	{[]string{strings.Repeat("9", 400) + ".5"}, 24 * time.Hour, true},
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	for _, test := range retryAfters {
		t.Run(fmt.Sprintf("%.40q", test.values), func(t *testing.T) {
			t.Parallel()
			got, ok := graph.ParseRetryAfter(test.values, answeredAt, localClock)
			if got != test.want || ok != test.ok {
				t.Errorf("got %s %v, want %s %v", got, ok, test.want, test.ok)
			}
			x := graph.Exchange{SentAt: localClock, Header: http.Header{"Retry-After": test.values, "Date": {answeredAt}}}
			checkSameFromAudit(t, x, test.want, test.ok)
		})
	}
}

// checkSameFromAudit tells that what is recorded says the same as the answer did.
func checkSameFromAudit(t *testing.T, x graph.Exchange, want time.Duration, wantOK bool) {
	t.Helper()
	if got, ok := x.RetryAfter(); got != want || ok != wantOK {
		t.Errorf("the exchange: got %s %v, want %s %v", got, ok, want, wantOK)
	}
	if got, ok := graph.RetryAfterIn(x.KeptHeaders()); got != want || ok != wantOK {
		t.Errorf("from %q: got %s %v, want %s %v", x.KeptHeaders(), got, ok, want, wantOK)
	}
}

func TestRetryAfterWithoutDate(t *testing.T) {
	t.Parallel()
	const at = "Tue, 18 Aug 2020 13:52:01 GMT" // ten seconds ahead of the local clock
	for _, date := range []string{"", "yesterday"} {
		header := http.Header{"Retry-After": {at}, "Date": {date}}
		// Half a second of the ten has passed when the answer is there.
		x := graph.Exchange{SentAt: localClock, Elapsed: 500 * time.Millisecond, Header: header}
		if got, ok := x.RetryAfter(); got != 9500*time.Millisecond || !ok {
			t.Errorf("Date %q: got %s %v, want 9.5s", date, got, ok)
		}
		if got, ok := graph.RetryAfterIn(x.KeptHeaders()); got != 0 || ok {
			t.Errorf("Date %q, from the audit: got %s %v, want it missing", date, got, ok)
		}
	}
}

func TestRetryAfterInWhatIsNoHeaders(t *testing.T) {
	t.Parallel()
	for _, kept := range []string{"", "\r\n", "Date: now\r\n", "no header at all", "Retry-After 5\r\n", " folded: 5\r\n", "\x00"} {
		if got, ok := graph.RetryAfterIn([]byte(kept)); got != 0 || ok {
			t.Errorf("%q: got %s %v", kept, got, ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, test := range retryAfters {
		f.Add(strings.Join(test.values, ", "), answeredAt)
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		got, ok := graph.ParseRetryAfter([]string{value}, date, localClock)
		if got < 0 || got > 24*time.Hour || !ok && got != 0 {
			t.Fatalf("got %s %v", got, ok)
		}
		// Whatever can be read as a plain number, in a list or alone, is waited for.
		for part := range strings.SplitSeq(value, ",") {
			part = strings.TrimSpace(part)
			asked, isNumber := new(big.Rat).SetString(part)
			if !isNumber || part == "" || strings.Trim(part, "0123456789.") != "" {
				continue
			}
			// Beyond a nanosecond a float cannot tell.
			floor := new(big.Rat).Sub(asked, big.NewRat(1, 1e9))
			if floor.Cmp(big.NewRat(24*3600, 1)) > 0 {
				floor.SetInt64(24 * 3600)
			}
			if !ok || big.NewRat(int64(got), int64(time.Second)).Cmp(floor) < 0 {
				t.Errorf("waits %s (%v), asked for %s s", got, ok, part)
			}
		}
	})
}

func FuzzRetryAfterIn(f *testing.F) {
	f.Add([]byte("Date: "+answeredAt+"\r\nRetry-After: 5\r\n"), "0,120")
	f.Fuzz(func(t *testing.T, kept []byte, value string) {
		if got, ok := graph.RetryAfterIn(kept); got < 0 || !ok && got != 0 {
			t.Errorf("got %s %v", got, ok)
		}
		// What net/http lets through as the value of a header comes back the same.
		value = strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, value))
		x := graph.Exchange{SentAt: localClock, Header: http.Header{"Retry-After": {value}, "Date": {answeredAt}}}
		want, ok := x.RetryAfter()
		checkSameFromAudit(t, x, want, ok)
	})
}

func ExampleParseRetryAfter() {
	now := time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)
	for _, value := range []string{"2.128", "30,120", "Mon, 23 Nov 2026 08:00:07 GMT", "soon"} {
		fmt.Println(graph.ParseRetryAfter([]string{value}, "", now))
	}
	// Output:
	// 2.128s true
	// 2m0s true
	// 7s true
	// 0s false
}
