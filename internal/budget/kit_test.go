package budget_test

import (
	"testing"
	"time"

	"graphpatch/internal/budget"
	"graphpatch/internal/postgres/pgtest"
)

// TestMain runs the tests, or is one of the processes of a test.
func TestMain(m *testing.M) {
	if !isPart() {
		pgtest.Main(m)
	}
}

var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// at is an instant of a story, in seconds after noon.
func at(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

func mustParse(t testing.TB, text string) budget.Limit {
	t.Helper()
	limit, err := budget.ParseLimit(text)
	if err != nil {
		t.Fatal(err)
	}
	return limit
}
