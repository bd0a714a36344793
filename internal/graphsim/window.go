package graphsim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// window is a limit over time. Instants are durations since a common start and
// never go back. What a window refuses leaves no trace in it.
type window interface {
	// room says how long it takes until one more request is admitted; 0 is now.
	room(now time.Duration) time.Duration
	// take admits one, for which there must be room.
	take(now time.Duration)
	// usage says how much of the limit is used, and how long it takes until none
	// of it is, if nothing more comes.
	usage(now time.Duration) (used int, empty time.Duration)
}

// The shapes of a window. Which one Graph has is not published.
const (
	Rolling = "rolling" // at most the limit in any window that ends now
	Fixed   = "fixed"   // at most the limit in each window; they follow one another, aligned to the clock
	Bucket  = "bucket"  // a burst of the limit, refilled evenly in the window's length
)

var windowShapes = []string{Rolling, Fixed, Bucket}

func checkShape(shape string) error {
	if slices.Contains(windowShapes, shape) {
		return nil
	}
	return fmt.Errorf("window %q is unknown: there are %s", shape, strings.Join(windowShapes, ", "))
}

// newWindow takes a shape that was checked. start is the instant 0 by the clock.
func newWindow(shape string, limit Limit, start time.Time) window {
	switch shape {
	case Fixed:
		return &fixedWindow{limit: limit, offset: time.Duration(start.UnixNano() % int64(limit.Window))}
	case Bucket:
		perSecond := rate.Limit(float64(limit.Requests) / limit.Window.Seconds())
		return &bucketWindow{limit: limit, start: start, bucket: rate.NewLimiter(perSecond, limit.Requests)}
	}
	return &rollingWindow{limit: limit}
}

// rollingWindow admits a request if fewer than the limit were admitted in the
// window that ends now. The window is half open: what is exactly one window
// old has left it.
type rollingWindow struct {
	limit    Limit
	admitted history
}

func (w *rollingWindow) room(now time.Duration) time.Duration {
	w.admitted.forget(now - w.limit.Window)
	if w.admitted.n < w.limit.Requests {
		return 0
	}
	return w.admitted.oldest() + w.limit.Window - now
}

func (w *rollingWindow) take(now time.Duration) { w.admitted.push(now) }

func (w *rollingWindow) usage(now time.Duration) (used int, empty time.Duration) {
	w.admitted.forget(now - w.limit.Window)
	if w.admitted.n == 0 {
		return 0, 0
	}
	return w.admitted.n, w.admitted.newest() + w.limit.Window - now
}

// fixedWindow starts counting anew at each multiple of its length, so twice the
// limit can pass around such an instant.
type fixedWindow struct {
	limit   Limit
	offset  time.Duration // how far the instant 0 lies inside its window
	current int64         // number of the window counted
	n       int
}

// enter moves to the window that holds now, and says how much of it is left.
func (w *fixedWindow) enter(now time.Duration) (left time.Duration) {
	since := now + w.offset
	number := int64(since / w.limit.Window)
	if number != w.current {
		w.current, w.n = number, 0
	}
	return w.limit.Window - since%w.limit.Window
}

func (w *fixedWindow) room(now time.Duration) time.Duration {
	left := w.enter(now)
	if w.n < w.limit.Requests {
		return 0
	}
	return left
}

func (w *fixedWindow) take(now time.Duration) {
	w.enter(now)
	w.n++
}

func (w *fixedWindow) usage(now time.Duration) (used int, empty time.Duration) {
	left := w.enter(now)
	if w.n == 0 {
		return 0, 0
	}
	return w.n, left
}

// bucketWindow is a token bucket: its longest burst is the limit, and so is what
// flows in during one window.
type bucketWindow struct {
	limit  Limit
	start  time.Time
	bucket *rate.Limiter
}

// aHair is what the bucket's arithmetic may be wrong by; without it, whoever
// comes back exactly in time is sometimes refused.
const aHair = time.Microsecond

// room asks by a reservation that is given back.
func (w *bucketWindow) room(now time.Duration) time.Duration {
	at := w.start.Add(now)
	reservation := w.bucket.ReserveN(at, 1)
	defer reservation.CancelAt(at)
	if wait := reservation.DelayFrom(at); wait > aHair {
		return wait
	}
	return 0
}

func (w *bucketWindow) take(now time.Duration) { w.bucket.ReserveN(w.start.Add(now), 1) }

func (w *bucketWindow) usage(now time.Duration) (used int, empty time.Duration) {
	tokens := w.bucket.TokensAt(w.start.Add(now))
	share := 1 - tokens/float64(w.limit.Requests)
	return w.limit.Requests - int(tokens+1e-6), time.Duration(share * float64(w.limit.Window)) // a hair less than a whole token is one
}

// retryAfterSeconds rounds up, because whoever comes back after it must find
// room.
func retryAfterSeconds(wait time.Duration) int {
	return max(1, int((wait+time.Second-1)/time.Second))
}
