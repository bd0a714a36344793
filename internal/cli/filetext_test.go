package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/budget"
)

// TestBadFiles holds what each bad file is told against the text beside it: one fault each, or all of one file at once.
// The line of every fault is named, and no secret is repeated.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/tenants/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text := readFile(t, file)
			_, err := parseTenants(filepath.Base(file), []byte(text))
			if err == nil {
				t.Fatal("it is taken for right")
			}
			got, beside := err.Error()+"\n", strings.TrimSuffix(file, ".yaml")+".txt"
			if diff := cmp.Diff(readFile(t, beside), got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(got, "hidden-4711") {
				t.Errorf("a secret stands in: %s", got)
			}
		})
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExampleOfTheManual reads the file that docs/configuration.md shows.
func TestExampleOfTheManual(t *testing.T) {
	_, text, _ := strings.Cut(readFile(t, "../../docs/configuration.md"), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	all, err := parseTenants("/etc/graphpatch/tenants.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := servedNames(all), "contoso, fabrikam, tailspin, wingtip, adatum, rehearsal"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	first := all[0]
	if got, want := first.WriteLimit, (budget.Limit{Requests: 100, Window: 20 * time.Second}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := first.CAFile, "/etc/graphpatch/proxy-ca.pem"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, s := range all {
		if s.AtOnce < 1 || s.Timeout == 0 || s.APIVersion == "" || s.Cloud == "" {
			t.Errorf("%s: %+v", s.Name, s.Tenant)
		}
	}
}

// TestFileOfTenantsHasALimit names what is no such file, and would not end.
func TestFileOfTenantsHasALimit(t *testing.T) {
	clearEnv(t)
	long := filepath.Join(t.TempDir(), "long.yaml")
	if err := os.WriteFile(long, []byte("tenants:\n"+strings.Repeat("# and so on\n", 1<<17)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{long, "/dev/zero"} {
		if _, err := (ConfigFile{path}).Served(Graph{}); err == nil || !strings.Contains(err.Error(), path+" is longer than 1 MiB") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// TestHostileYAML holds what a parser could be busy with for long: aliases of aliases, depth, and a circle.
func TestHostileYAML(t *testing.T) {
	var aliases strings.Builder
	aliases.WriteString("a0: &a0 [x, x]\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&aliases, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1)
	}
	for name, text := range map[string]string{
		"aliases":  aliases.String() + "tenants: *a39\n",
		"depth":    "tenants: " + strings.Repeat("[", 20_000),
		"a circle": "tenants: &a [*a]\n",
		"NUL":      "tenants:\x00",
		"escapes":  "tenants:\n- name: \"\\e[2J\"\n",
	} {
		_, err := parseTenants("f.yaml", []byte(text))
		if err == nil || len(err.Error()) > 8<<10 {
			t.Errorf("%s: got %.2000v", name, err)
		}
	}
}

func FuzzParseTenants(f *testing.F) {
	files, err := filepath.Glob("testdata/tenants/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseTenants("f", text)
		if err == nil && len(all) == 0 {
			t.Error("neither tenants nor a fault")
		}
		for _, s := range all {
			if err == nil && (s.Name == "" || s.Tenant.Tenant == "" || s.AtOnce < 1) {
				t.Errorf("%q: got %+v", text, s)
			}
		}
	})
}
