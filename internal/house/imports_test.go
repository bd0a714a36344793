package house

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	module      = "graphpatch"
	root        = "../.."
	pgtest      = "internal/postgres/pgtest"
	mariadbtest = "internal/source/mariadbtest"
)

// forTests are rooms in a room, which give tests what no production code may have.
var forTests = []string{pgtest, mariadbtest}

// mayImport is the table of the house: which rooms the production code of a room
// may import. A room not named here does not exist yet; whoever builds one says
// here whom it needs. Programs under cmd and examples import what they like.
var mayImport = map[string][]string{
	"internal/cli":        {"internal/audit", "internal/source", "internal/jobs", "internal/ledger", "internal/postgres", "internal/graph", "internal/budget", "internal/userstatus"},
	"internal/console":    {"internal/audit", "internal/ledger", "internal/budget"},
	"internal/jobs":       {"internal/graph", "internal/budget", "internal/ledger", "internal/audit", "internal/source", "internal/userstatus"},
	"internal/ledger":     {"internal/proof", "internal/userstatus"},
	"internal/audit":      {"internal/proof", "internal/userstatus"},
	"internal/graph":      {"internal/userstatus"},
	"internal/source":     {"internal/userstatus"},
	"internal/postgres":   {"migrations"},
	pgtest:                {"internal/postgres"},
	mariadbtest:           nil,
	"internal/userstatus": nil,
	"internal/budget":     nil,
	"internal/proof":      nil,
	"internal/graphsim":   nil,
	"migrations":          nil,
	"internal/e2e":        nil, // scenes and benchmarks, so tests only
	"internal/house":      nil,
}

func TestImports(t *testing.T) {
	files, err := goFiles(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(files, func(f goFile) bool { return f.path == "internal/house/imports_test.go" }) {
		t.Fatalf("looked at %d files and did not meet this one", len(files))
	}
	for _, fault := range checkImports(files) {
		t.Error(fault)
	}
}

// goFile is a Go file of the tree and what it imports.
type goFile struct {
	path    string
	imports []goImport
}

type goImport struct {
	line int
	path string
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// goFiles reads the imports of every Go file, also of those that this system or
// these build tags leave out. It parses instead of asking the go command, because
// files read by the test itself are those that make a cached result stale.
func goFiles(tree fs.FS) ([]goFile, error) {
	var files []goFile
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && isIgnored(tree, name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		file, err := readImports(tree, name)
		files = append(files, file)
		return err
	})
	return files, err
}

// isIgnored repeats what the go command does not look into: other modules too.
func isIgnored(tree fs.FS, dir string) bool {
	base := path.Base(dir)
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || err == nil
}

func readImports(tree fs.FS, name string) (goFile, error) {
	file := goFile{path: name}
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return file, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, filepath.FromSlash(name), text, parser.ImportsOnly)
	if err != nil {
		return file, err
	}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file, err
		}
		file.imports = append(file.imports, goImport{line: set.Position(spec.Pos()).Line, path: imported})
	}
	return file, nil
}

// checkImports returns what breaks the table, in the order of the files.
func checkImports(files []goFile) []string {
	var faults []string
	unknown := map[string]bool{}
	for _, file := range files {
		from := roomOf(path.Dir(file.path))
		if _, known := mayImport[from]; !known && !isProgram(from) && !unknown[from] {
			unknown[from] = true
			faults = append(faults, fmt.Sprintf("%s: no such room: add it and what it may import to the table mayImport in internal/house/imports_test.go", from))
		}
		for _, imported := range file.imports {
			ours, ok := strings.CutPrefix(imported.path, module+"/")
			if !ok || unknown[from] {
				continue
			}
			if reason := refuse(from, roomOf(ours), file.isTest()); reason != "" {
				faults = append(faults, fmt.Sprintf("%s:%d: imports %s: %s", file.path, imported.line, ours, reason))
			}
		}
	}
	return faults
}

// roomOf returns the room a directory belongs to: a room is a directory of cmd or
// internal with all below it, or one at the root. Only those for tests are rooms in a room.
func roomOf(dir string) string {
	for _, room := range forTests {
		if dir == room || strings.HasPrefix(dir, room+"/") {
			return room
		}
	}
	parts := strings.Split(dir, "/")
	if len(parts) > 1 && (parts[0] == "cmd" || parts[0] == "internal") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func isProgram(room string) bool { return strings.HasPrefix(room, "cmd/") || room == "examples" }

// refuse says why a file of one room must not import another, or nothing.
func refuse(from, to string, isTest bool) string {
	switch {
	case from == to:
		return ""
	case isProgram(to):
		return "nobody imports a program"
	case isTest:
		return ""
	case slices.Contains(forTests, to):
		return "only test files may"
	case isProgram(from) || slices.Contains(mayImport[from], to):
		return ""
	case len(mayImport[from]) == 0:
		return from + " imports none of ours"
	}
	return from + " may only import " + strings.Join(mayImport[from], ", ")
}

// The table must be able to fail: each case is one file and what is said of it.
func TestCheckImports(t *testing.T) {
	const table = "add it and what it may import to the table mayImport in internal/house/imports_test.go"
	for _, c := range []struct{ file, imports, want string }{
		{"cmd/worker/main.go", "internal/jobs", ""},
		{"cmd/worker/main.go", "internal/postgres/pgtest", "cmd/worker/main.go:3: imports internal/postgres/pgtest: only test files may"},
		{"cmd/worker/main_test.go", "internal/postgres/pgtest", ""},
		{"cmd/worker/main.go", "cmd/worker/flags", ""},
		{"cmd/worker/main.go", "cmd/audit/flags", "cmd/worker/main.go:3: imports cmd/audit/flags: nobody imports a program"},
		{"internal/jobs/slice.go", "internal/graph", ""},
		{"internal/jobs/slice_test.go", "internal/graphsim", ""},
		{"internal/jobs/slice_test.go", "cmd/worker", "internal/jobs/slice_test.go:3: imports cmd/worker: nobody imports a program"},
		{"internal/ledger/claim.go", "internal/userstatus", ""},
		{"internal/ledger/claim.go", "internal/audit", "internal/ledger/claim.go:3: imports internal/audit: internal/ledger may only import internal/proof, internal/userstatus"},
		{"internal/ledger/sql/claim.go", "internal/graph", "internal/ledger/sql/claim.go:3: imports internal/graph: internal/ledger may only import internal/proof, internal/userstatus"},
		{"internal/graphsim/server.go", "internal/graph", "internal/graphsim/server.go:3: imports internal/graph: internal/graphsim imports none of ours"},
		{"internal/postgres/pool.go", "migrations", ""},
		{"internal/postgres/pool.go", "internal/postgres/pgtest", "internal/postgres/pool.go:3: imports internal/postgres/pgtest: only test files may"},
		{"internal/postgres/pool_test.go", "internal/postgres/pgtest", ""},
		{"internal/postgres/pgtest/pgtest.go", "internal/postgres", ""},
		{"internal/source/fetch.go", "internal/source/mariadbtest", "internal/source/fetch.go:3: imports internal/source/mariadbtest: only test files may"},
		{"internal/source/mariadbtest/server.go", "internal/source", "internal/source/mariadbtest/server.go:3: imports internal/source: internal/source/mariadbtest imports none of ours"},
		{"internal/util/strings.go", "internal/graph", "internal/util: no such room: " + table},
		{"scripts/demo.go", "internal/graph", "scripts: no such room: " + table},
		{"demo.go", "internal/graph", ".: no such room: " + table},
	} {
		file := goFile{path: c.file, imports: []goImport{{line: 3, path: module + "/" + c.imports}}}
		got := strings.Join(checkImports([]goFile{file}), "\n")
		if diff := cmp.Diff(got, c.want); diff != "" {
			t.Errorf("%s importing %s (-got +want):\n%s", c.file, c.imports, diff)
		}
	}
}
