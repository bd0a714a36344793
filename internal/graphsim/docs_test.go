package graphsim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A kind that nobody can look up is one nobody will use.
func TestEveryKindIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "simulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range faultKinds() {
		if !strings.Contains(string(text), "`"+kind+"`") {
			t.Errorf("docs/simulator.md does not name %s", kind)
		}
	}
}
