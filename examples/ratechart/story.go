package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// request is what matters here of a line of the simulator's log.
type request struct {
	At         time.Time `json:"at"`
	Method     string    `json:"method"`
	Status     int       `json:"status"`
	RetryAfter string    `json:"retryAfter"`
}

// story is what happened, by the second.
type story struct {
	perSecond []int // updates that were applied
	pauses    []pause
}

// pause lasts from an answer that throttled to the request that broke the silence after it.
type pause struct {
	from, to   time.Duration
	retryAfter string
}

// silence is how long nothing must come after a 429 for it to be drawn as a pause.
const silence = 500 * time.Millisecond

// readStory reads the log: JSON, one request a line.
func readStory(r io.Reader) (*story, error) {
	var all []request
	d := json.NewDecoder(r)
	for line := 1; ; line++ {
		var one request
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("request %d: %w", line, err)
		}
		if one.Method == http.MethodPatch {
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no update in the log")
	}
	// The log is in the order of the answers.
	slices.SortStableFunc(all, func(a, b request) int { return a.At.Compare(b.At) })
	return tell(all), nil
}

func tell(all []request) *story {
	start, end := all[0].At, all[len(all)-1].At
	s := &story{perSecond: make([]int, int(end.Sub(start)/time.Second)+1)}
	var throttled *request
	for i, r := range all {
		if throttled != nil && r.At.Sub(all[i-1].At) > silence {
			s.pauses = append(s.pauses, pause{throttled.At.Sub(start), r.At.Sub(start), throttled.RetryAfter})
			throttled = nil
		}
		switch r.Status {
		case http.StatusOK:
			s.perSecond[int(r.At.Sub(start)/time.Second)]++
		case http.StatusTooManyRequests:
			throttled = &all[i]
		}
	}
	return s
}
