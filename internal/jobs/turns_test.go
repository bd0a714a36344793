package jobs

import (
	"testing"
	"time"

	"graphpatch/internal/ledger"
)

func TestRowsOfOthersBefore(t *testing.T) {
	t.Parallel()
	run := func(priority, rows, open int) ledger.Waiting {
		return ledger.Waiting{Priority: priority, Rows: rows, Open: open}
	}
	const interval = 200 * time.Millisecond
	for _, test := range []struct {
		why        string
		run, other ledger.Waiting
		want       int
	}{
		{"a higher priority goes first", run(2, 2, 2), run(1, 50_000, 40_000), 40_000},
		{"two rows wait for a turn of each slice", run(2, 2, 2), run(2, 50_000, 40_000), 50 * 33},
		{"which have less than that", run(2, 2, 2), run(2, 50_000, 60), 60},
		{"a slice is done with those of its size", run(2, 1000, 1000), run(2, 50_000, 40_000), 40_000},
		{"one that has begun earlier", run(2, 1000, 500), run(2, 50_000, 40_000), 25_000},
		{"many slices hardly notice a few rows", run(2, 50_000, 40_000), run(2, 2, 2), 2},
		{"as much as they have to send", run(2, 50_000, 5_000), run(2, 3_000, 3_000), 300},
	} {
		if got := Before(test.run, test.other, interval); got != test.want {
			t.Errorf("%s: got %d, want %d", test.why, got, test.want)
		}
	}
	if got := Before(run(2, 1, 1), run(2, 1, 1), 0); got != 1 {
		t.Errorf("without an interval: got %d", got)
	}
}
