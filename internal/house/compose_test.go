package house

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

const composeFile = "docker-compose.yml"

// awkward needs escaping in a URL, in YAML and in a shell.
const awkward = `p@ss/w:rd%20 '#"$x`

// passedOn are the settings a caller hands to the worker through his environment.
var passedOn = []string{
	"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
	"AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "AZURE_FEDERATED_TOKEN_FILE",
	"AZURE_TOKEN_CREDENTIALS", "AZURE_AUTHORITY_HOST", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "HTTPS_PROXY", "NO_PROXY",
	"GRAPH_CLOUD", "GRAPH_BASE_URL", "GRAPH_API_VERSION", "GRAPH_ACCESS_TOKEN", "GRAPH_CA_FILE", "GRAPHPATCH_TOKEN_CACHE",
	"GRAPH_WRITE_LIMIT", "GRAPH_READ_LIMIT", "GRAPH_TIMEOUT", "GRAPHPATCH_CONFIG",
}

// loadCompose reads docker-compose.yml as docker compose would, with nothing in
// the environment but what is given.
func loadCompose(t *testing.T, env []string, options ...cli.ProjectOptionsFn) (*types.Project, error) {
	t.Helper()
	options = append([]cli.ProjectOptionsFn{cli.WithWorkingDirectory(root), cli.WithEnv(env)}, options...)
	project, err := cli.NewProjectOptions([]string{filepath.Join(root, composeFile)}, options...)
	if err != nil {
		return nil, err
	}
	return project.LoadProject(t.Context())
}

func mustLoadCompose(t *testing.T, env []string, options ...cli.ProjectOptionsFn) *types.Project {
	t.Helper()
	project, err := loadCompose(t, env, options...)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeAsksForThePassword(t *testing.T) {
	for _, env := range [][]string{nil, {"POSTGRES_PASSWORD="}} {
		_, err := loadCompose(t, env)
		if err == nil || !strings.Contains(err.Error(), "set POSTGRES_PASSWORD") {
			t.Errorf("with environment %q: got error %v, want one that says: set POSTGRES_PASSWORD", env, err)
		}
	}
}

// The order of the start, read as "service needs other: condition".
func TestComposeServices(t *testing.T) {
	always := map[string]map[string]string{
		"postgres": {},
		"migrate":  {"postgres": "service_healthy"},
		"worker":   {"postgres": "service_healthy", "migrate": "service_completed_successfully"},
	}
	simulated := maps.Clone(always)
	simulated["graphsim"] = map[string]string{"worker": "service_started"}

	for _, c := range []struct {
		profiles []string
		want     map[string]map[string]string
	}{
		{nil, always},
		{[]string{"simulator"}, simulated},
	} {
		project := mustLoadCompose(t, []string{"POSTGRES_PASSWORD=x"}, cli.WithProfiles(c.profiles))
		got := map[string]map[string]string{}
		for name, service := range project.Services {
			got[name] = map[string]string{}
			for other, dependency := range service.DependsOn {
				got[name][other] = dependency.Condition
			}
		}
		if diff := cmp.Diff(got, c.want); diff != "" {
			t.Errorf("services and conditions with profiles %q (-got +want):\n%s", c.profiles, diff)
		}
	}
}

func TestComposeServicesTellTheirHealth(t *testing.T) {
	project := mustLoadCompose(t, []string{"POSTGRES_PASSWORD=x"}, cli.WithProfiles([]string{"*"}))
	for name, service := range project.Services {
		check := service.HealthCheck
		has := check != nil && !check.Disable && len(check.Test) > 1
		if oneShot := name == "migrate"; has == oneShot {
			t.Errorf("%s: got a healthcheck %v, want %v", name, has, !oneShot)
		}
		if has && (check.Interval == nil || check.Timeout == nil || check.StartPeriod == nil) {
			t.Errorf("%s: its healthcheck leaves interval, timeout or start_period to chance", name)
		}
	}
}

func TestComposeCommands(t *testing.T) {
	project := mustLoadCompose(t, []string{"POSTGRES_PASSWORD=x"}, cli.WithProfiles([]string{"*"}))
	got := map[string]string{}
	for name, service := range project.Services {
		got[name] = strings.Join(service.Command, " ")
	}
	want := map[string]string{
		"postgres": "",
		"migrate":  "worker migrate",
		"worker":   "worker run --listen 0.0.0.0:8090",
		"graphsim": "graphsim --addr 127.0.0.1:8080",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("commands (-got +want):\n%s", diff)
	}

	worker := project.Services["worker"]
	if got, want := time.Duration(*worker.StopGracePeriod), 50*time.Second; got != want {
		t.Errorf("worker is killed %v after it was asked to stop, want %v: it takes 45s at most", got, want)
	}
	if got, want := worker.Restart, "unless-stopped"; got != want {
		t.Errorf("worker restarts %q, want %q", got, want)
	}
	// The worker refuses plain HTTP except on loopback, so loopback must be shared.
	if got, want := project.Services["graphsim"].NetworkMode, "service:worker"; got != want {
		t.Errorf("graphsim has network mode %q, want %q", got, want)
	}
	for name, service := range project.Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %d on %q, want 127.0.0.1 only", name, port.Target, port.HostIP)
			}
		}
	}
}

func TestComposeBuildsOneImage(t *testing.T) {
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	project := mustLoadCompose(t, []string{"POSTGRES_PASSWORD=x"}, cli.WithProfiles([]string{"*"}))
	for name, service := range project.Services {
		if name == "postgres" {
			continue
		}
		if service.Build == nil || service.Build.Context != top || service.Image != "graphpatch" {
			t.Errorf("%s: got image %q built from %+v, want graphpatch built from %s", name, service.Image, service.Build, top)
			continue
		}
		if _, err := os.Stat(filepath.Join(top, service.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the password is, the client understands it as the server does.
func TestComposeDatabaseAddress(t *testing.T) {
	project := mustLoadCompose(t, []string{"POSTGRES_PASSWORD=" + awkward})
	type address struct {
		Host                     string
		Port                     uint16
		User, Database, Password string
	}
	server := project.Services["postgres"].Environment
	want := address{"postgres", 5432, *server["POSTGRES_USER"], *server["POSTGRES_DB"], awkward}
	if got := *server["POSTGRES_PASSWORD"]; got != awkward {
		t.Errorf("postgres gets the password %q, want %q", got, awkward)
	}
	for _, name := range []string{"migrate", "worker"} {
		env := project.Services[name].Environment
		t.Setenv("PGPASSWORD", *env["PGPASSWORD"])
		config, err := pgx.ParseConfig(*env["DATABASE_URL"])
		if err != nil {
			t.Fatal(err)
		}
		got := address{config.Host, config.Port, config.User, config.Database, config.Password}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s connects (-got +want):\n%s", name, diff)
		}
	}
}

func TestComposePassesSettingsOn(t *testing.T) {
	env := []string{"POSTGRES_PASSWORD=x"}
	for name, value := range mustLoadCompose(t, env).Services["worker"].Environment {
		if value != nil && slices.Contains(passedOn, name) {
			t.Errorf("%s: got %q without a caller's value, want it unset", name, *value)
		}
	}

	for _, name := range passedOn {
		env = append(env, name+"=value of "+name)
	}
	worker := mustLoadCompose(t, env).Services["worker"].Environment
	for _, name := range passedOn {
		if got, want := worker[name], "value of "+name; got == nil || *got != want {
			t.Errorf("%s does not reach the worker", name)
		}
	}
}

var (
	secretName  = regexp.MustCompile(`PASSWORD|SECRET|TOKEN|KEY`)
	fromCaller  = regexp.MustCompile(`^\$\{\w+:\?[^}]*\}$`)
	passwordURL = regexp.MustCompile(`://[^/@\s]*:[^@\s]+@`)
)

func TestComposeHoldsNoSecret(t *testing.T) {
	asWritten := mustLoadCompose(t, nil, cli.WithInterpolation(false), cli.WithProfiles([]string{"*"}))
	for name, service := range asWritten.Services {
		for key, value := range service.Environment {
			if value != nil && secretName.MatchString(key) && !fromCaller.MatchString(*value) {
				t.Errorf("%s: %s has a value in %s, want it to come from the caller's environment", name, key, composeFile)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root, composeFile))
	if err != nil {
		t.Fatal(err)
	}
	if found := passwordURL.Find(text); found != nil {
		t.Errorf("%s: a URL with a password in it: %s", composeFile, found)
	}
}
