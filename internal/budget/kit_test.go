package budget_test

import (
	"testing"

	"graphpatch/internal/budget"
	"graphpatch/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func mustParse(t testing.TB, text string) budget.Limit {
	t.Helper()
	limit, err := budget.ParseLimit(text)
	if err != nil {
		t.Fatal(err)
	}
	return limit
}
