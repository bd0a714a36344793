package source

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the messages of testdata/*.txt anew")

// bustedOptions are for the rules that only options can break.
var bustedOptions = map[string]CSVConfig{
	"busted_map_unmatched.csv":   {Map: map[string]string{"tickets": "status", "nowhere": "devicesCount"}},
	"busted_delimiter_given.csv": {Delimiter: ';'},
	"busted_map_taken.csv":       {Map: map[string]string{"state": "status"}},
	"busted_set_and_column.csv":  {Set: map[string]string{"status": "compliant", "route": "plain"}},
}

// TestBusted reads one file for each rule that it breaks; the messages stand next to it.
func TestBusted(t *testing.T) {
	files, err := filepath.Glob("testdata/*.csv")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := messages(t, file)
			golden := strings.TrimSuffix(file, ".csv") + ".txt"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(got), string(want)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func messages(t *testing.T, file string) []byte {
	t.Helper()
	var printed bytes.Buffer
	if err := faultsOf(t, file).Print(&printed); err != nil {
		t.Fatal(err)
	}
	return printed.Bytes()
}

func faultsOf(t *testing.T, file string) *Faults {
	t.Helper()
	cfg := bustedOptions[filepath.Base(file)]
	cfg.Name, cfg.Tenant, cfg.TempDir = "users.csv", contoso, t.TempDir()
	cfg.Open = func() (io.ReadCloser, error) { return os.Open(file) }
	c, err := NewCSV(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Check(t.Context())
	faults, ok := errors.AsType[*Faults](err)
	if !ok {
		t.Fatalf("got %v, want *Faults", err)
	}
	return faults
}

func TestFifteenKindsOfFaultInOneGo(t *testing.T) {
	kinds := map[string]bool{}
	for _, f := range faultsOf(t, "testdata/fifteen-faults.csv").First {
		kinds[f.Problem] = true
		if f.Line == 0 || f.Right == "" {
			t.Errorf("says neither where nor what is right: %s", f.Error())
		}
	}
	if len(kinds) < 15 {
		t.Errorf("got %d kinds, want at least 15: %v", len(kinds), kinds)
	}
}
