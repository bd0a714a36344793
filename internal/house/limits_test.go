package house

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestLimitsAreAsDocumented holds every constant that docs/limits.md names against the code.
func TestLimitsAreAsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z]+)\\.([A-Za-z]+) = ([^`]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 20 {
		t.Fatalf("only %d limits are named", len(named))
	}
	for _, limit := range named {
		room, name, value := limit[1], limit[2], limit[3]
		files, err := filepath.Glob("../" + room + "/*.go")
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no such room", limit[0])
			continue
		}
		stands := regexp.MustCompile(`(?m)^(const|\t)\s*` + name + `\s+= ` + regexp.QuoteMeta(value) + `(\s|$)`)
		if !anyMatches(t, files, stands) {
			t.Errorf("%s does not stand in the code", limit[0])
		}
	}
}

func anyMatches(t *testing.T, files []string, pattern *regexp.Regexp) bool {
	t.Helper()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if pattern.Match(text) {
			return true
		}
	}
	return false
}
