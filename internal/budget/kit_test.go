package budget_test

import (
	"testing"

	"graphpatch/internal/budget"
	"graphpatch/internal/postgres/pgtest"
)

// TestMain runs the tests, or is one of the processes of a test.
func TestMain(m *testing.M) {
	if !isPart() {
		pgtest.Main(m)
	}
}

func mustParse(t testing.TB, text string) budget.Limit {
	t.Helper()
	limit, err := budget.ParseLimit(text)
	if err != nil {
		t.Fatal(err)
	}
	return limit
}
