package graph

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// ParseRetryAfter returns how long to wait from now on. values are the Retry-After headers of one answer, date its
// Date header, now the local time of its arrival, zero if it is not known.
//
// Seen from Graph: integers, decimals ("0.249"), and two values in one header ("0,120", "30,120"); legal besides: an
// HTTP-date, relative to date because the clocks may differ. Of several the longest counts: a comma never stands for a
// decimal point, otherwise 30.12 s would be waited where 120 s were asked for. What cannot be parsed, and a negative
// number, is as good as missing: ok is false. The wait is rounded up to the millisecond, never down, and cut at 24 h.
func ParseRetryAfter(values []string, date string, now time.Time) (wait time.Duration, ok bool) {
	if sent, err := http.ParseTime(date); err == nil {
		now = sent
	}
	before := ""
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		// An HTTP-date has a comma of its own, after the day of the week.
		for _, v := range []string{part, before + "," + part} {
			if d, valid := parseWait(strings.TrimSpace(v), now); valid {
				wait, ok = max(wait, d), true
			}
		}
		before = part
	}
	return wait, ok
}

// maxWait keeps nonsense within what a Duration and a calendar can hold.
const maxWait = 24 * time.Hour

func parseWait(v string, now time.Time) (time.Duration, bool) {
	if v != "" && strings.Trim(v, "0123456789.") == "" {
		return parseSeconds(v)
	}
	at, err := http.ParseTime(v)
	if err != nil || now.IsZero() {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxWait), true
}

func parseSeconds(digits string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(digits, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && f > maxWait.Seconds():
		return maxWait, true
	case err != nil:
		return 0, false
	}
	return time.Duration(math.Ceil(f*1000)) * time.Millisecond, true
}

// RetryAfterIn is Exchange.RetryAfter for headers as KeptHeaders recorded them. An HTTP-date without a Date beside it
// counts as missing: it is not known when the answer came.
func RetryAfterIn(kept []byte) (wait time.Duration, ok bool) {
	if len(kept) == 0 {
		return 0, false
	}
	header, err := textproto.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(kept), strings.NewReader("\r\n")))).ReadMIMEHeader()
	if err != nil {
		return 0, false
	}
	return ParseRetryAfter(header.Values("Retry-After"), header.Get("Date"), time.Time{})
}
