package budget_test

import (
	"testing"
	"time"

	"graphpatch/internal/budget"
)

// turn is one step of a conversation with Graph: an answer to a request that left at sent and came at now.
type turn struct {
	now, sent  float64
	retryAfter float64 // seconds asked for; below zero: none named
	got        bool    // got through instead of being throttled

	news    bool
	strikes int
	// The pause that is in force afterwards ends between these two, because of the jitter.
	untilMin, untilMax float64
	asked              bool
}

const unnamed = -1

func tell(t *testing.T, story []turn) {
	t.Helper()
	pace := budget.NewPace(budget.DefaultWrites)
	for i, turn := range story {
		if turn.got {
			pace.GotThrough(at(turn.sent))
		} else {
			wait := time.Duration(max(0, turn.retryAfter) * float64(time.Second))
			pause, news := pace.Throttled(at(turn.now), at(turn.sent), wait, turn.retryAfter >= 0)
			if now, _ := pace.Paused(at(turn.now)); news != turn.news || pause != now {
				t.Errorf("turn %d: news %v, want %v; said %v, is %v", i, news, turn.news, pause, now)
			}
		}
		checkPause(t, i, pace, turn)
	}
}

func checkPause(t *testing.T, i int, pace *budget.Pace, want turn) {
	t.Helper()
	pause, paused := pace.Paused(at(want.now))
	if pause.Strikes != want.strikes || pause.Asked != want.asked {
		t.Errorf("turn %d: %d strikes, asked: %v, want %d %v", i, pause.Strikes, pause.Asked, want.strikes, want.asked)
	}
	if pause.Until.Before(at(want.untilMin)) || pause.Until.After(at(want.untilMax)) {
		t.Errorf("turn %d: until %.3f s, want %.3f to %.3f", i, pause.Until.Sub(noon).Seconds(), want.untilMin, want.untilMax)
	}
	if paused != at(want.now).Before(pause.Until) {
		t.Errorf("turn %d: paused: %v", i, paused)
	}
}

func TestNotPausedAtFirst(t *testing.T) {
	t.Parallel()
	if pause, ok := budget.NewPace(budget.DefaultWrites).Paused(noon); ok || pause != (budget.Pause{}) {
		t.Errorf("got %v %v", pause, ok)
	}
}

func TestPauseStory(t *testing.T) {
	t.Parallel()
	var story []turn
	// A burst of twenty, each throttled without a time: the first answer is a strike, the others tell nothing new.
	story = append(story, turn{now: 5, sent: 1, retryAfter: unnamed, news: true, strikes: 1, untilMin: 6, untilMax: 6.25})
	for i := range 19 {
		story = append(story, turn{now: 5.1 + 0.01*float64(i), sent: 1 + 0.2*float64(i), retryAfter: unnamed, strikes: 1, untilMin: 6, untilMax: 6.25})
	}
	tell(t, append(story,
		// So are a straggler that left just as the pause began, and one whose success comes late.
		turn{now: 5.5, sent: 5.001, retryAfter: unnamed, strikes: 1, untilMin: 6, untilMax: 6.25},
		turn{now: 5.6, sent: 4.9, got: true, strikes: 1, untilMin: 6, untilMax: 6.25},
		turn{now: 5.7, sent: 5.002, got: true, strikes: 1, untilMin: 6, untilMax: 6.25},
		// After the pause it goes on: the backoff doubles.
		turn{now: 7, sent: 6.5, retryAfter: unnamed, news: true, strikes: 2, untilMin: 9, untilMax: 9.5},
		turn{now: 10, sent: 9.6, retryAfter: unnamed, news: true, strikes: 3, untilMin: 14, untilMax: 15},
		// One of that burst names a time, longer than the backoff: it counts, though it is no news.
		turn{now: 10.1, sent: 9.7, retryAfter: 60, strikes: 3, untilMin: 70.1, untilMax: 70.1, asked: true},
		// A shorter one does not shorten the pause.
		turn{now: 10.2, sent: 9.8, retryAfter: 1, strikes: 3, untilMin: 70.1, untilMax: 70.1, asked: true},
		turn{now: 10.3, sent: 9.9, retryAfter: 0, strikes: 3, untilMin: 70.1, untilMax: 70.1, asked: true},
		// Graph names a time after the pause: news, but no strike.
		turn{now: 71, sent: 70.2, retryAfter: 0.249, news: true, strikes: 3, untilMin: 71.249, untilMax: 71.249, asked: true},
		// A success after the pause ends the count.
		turn{now: 72, sent: 71.5, got: true, strikes: 0, untilMin: 71.249, untilMax: 71.249, asked: true},
		turn{now: 73, sent: 72.9, retryAfter: unnamed, news: true, strikes: 1, untilMin: 74, untilMax: 74.25},
	))
}

// TestNoTimeAtAllIsNoneNamed tells that "Retry-After: 0" for ever does not mean full speed for ever.
func TestNoTimeAtAllIsNoneNamed(t *testing.T) {
	t.Parallel()
	tell(t, []turn{
		{now: 1, sent: 0.5, retryAfter: 0, news: true, strikes: 1, untilMin: 2, untilMax: 2.25},
		{now: 4, sent: 3, retryAfter: 0, news: true, strikes: 2, untilMin: 6, untilMax: 6.5},
	})
}

func TestBackoffDoublesUpToFiveMinutes(t *testing.T) {
	t.Parallel()
	pace := budget.NewPace(budget.DefaultWrites)
	now := noon
	spread := map[time.Duration]bool{}
	for strike, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300} {
		wait := time.Duration(seconds) * time.Second
		pause, news := pace.Throttled(now, now, 0, false)
		got := pause.Until.Sub(now)
		if !news || pause.Strikes != strike+1 || pause.Asked || got < wait || got > wait+wait/4 {
			t.Errorf("strike %d: %d, news %v, %s, want %s and up to a quarter", strike+1, pause.Strikes, news, got, wait)
		}
		if !pause.Since.Equal(now) {
			t.Errorf("strike %d: since %s, want %s", strike+1, pause.Since, now)
		}
		spread[got-wait] = true
		now = pause.Until
	}
	if len(spread) < 5 {
		t.Errorf("only %d different jitters", len(spread))
	}
}
