package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A dependency nobody can explain is one nobody would miss.
func TestDependenciesAreExplained(t *testing.T) {
	explained := explainedModules(t)
	for _, module := range inUse(t, directModules(t)) {
		if !slices.Contains(explained, module) {
			t.Errorf("docs/dependencies.md: no line for `%s`: what does it do here, and what would we do without it?", module)
		}
	}
}

var moduleRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

func explainedModules(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, row := range moduleRow.FindAllSubmatch(text, -1) {
		modules = append(modules, string(row[1]))
	}
	return modules
}

// inUse leaves out what no file imports: that is for go mod tidy to say.
func inUse(t *testing.T, modules []string) []string {
	t.Helper()
	files, err := goFiles(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, file := range files {
		for _, imported := range file.imports {
			if module := longestPrefix(modules, imported.path); module != "" && !slices.Contains(used, module) {
				used = append(used, module)
			}
		}
	}
	if len(used) == 0 {
		t.Fatal("no file imports any dependency")
	}
	return used
}

// longestPrefix finds the module of a package; modules lie within modules.
func longestPrefix(modules []string, pkg string) string {
	longest := ""
	for _, module := range modules {
		if strings.HasPrefix(pkg+"/", module+"/") && len(module) > len(longest) {
			longest = module
		}
	}
	return longest
}

func directModules(t *testing.T) []string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	// A cached result grows stale by the files the test looks at, not its children.
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(output, &file); err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, required := range file.Require {
		if !required.Indirect {
			direct = append(direct, required.Path)
		}
	}
	return direct
}
