package jobs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"graphpatch/internal/postgres/pgtest"
)

// What each of River's queues says again and again is said once, and again a minute later; its news is never said.
func TestRiverSaysThingsOnce(t *testing.T) {
	var out bytes.Buffer
	h := slog.NewTextHandler(&out, nil)
	q := newQuiet(h, newDBWatch(pgtest.New(t).Pool(t), slog.New(h)))
	began := time.Now()
	say := func(h slog.Handler, after time.Duration, level slog.Level, message, queue, err string) {
		if !h.Enabled(t.Context(), level) {
			return
		}
		r := slog.NewRecord(began.Add(after), level, message, 0)
		r.Add("queue", queue, "err", err)
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	say(q, 0, slog.LevelError, "Error fetching jobs", "control", "no connection")
	say(q, time.Second, slog.LevelError, "Error fetching jobs", "tenant", "no connection")
	say(q.WithAttrs([]slog.Attr{slog.Int("attempt", 2)}), 2*time.Second, slog.LevelError, "Error fetching jobs", "control", "no connection")
	say(q, 3*time.Second, slog.LevelError, "Error fetching jobs", "control", "another")
	say(q, 4*time.Second, slog.LevelInfo, "Client started", "", "")
	say(q.WithGroup("g"), 62*time.Second, slog.LevelError, "Error fetching jobs", "later", "no connection")
	var queues []string
	for line := range strings.Lines(out.String()) {
		_, after, _ := strings.Cut(line, "queue=")
		queue, _, _ := strings.Cut(after, " ")
		queues = append(queues, queue)
	}
	if got := strings.Join(queues, " "); got != "control control later" {
		t.Errorf("said of %q:\n%s", got, out.String())
	}
}
