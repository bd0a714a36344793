package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/audit"
)

// Every flag reaches the filter, in the field that is meant.
func TestEventFlags(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	row := int32(17)
	for args, want := range map[string]audit.EventFilter{
		"":         {},
		"--row 17": {Row: &row},
		"--tenant 11111111-1111-4111-8111-111111111111": {Tenant: uuid.MustParse("11111111-1111-4111-8111-111111111111")},
		"--outcome applied,held --outcome failed":       {Outcomes: []string{"applied", "held", "failed"}},
		"--final":                         {Final: true},
		"--status 4xx":                    {Status: audit.StatusRange{Low: 400, High: 499}},
		"--error-code Forbidden":          {ErrorCode: "Forbidden"},
		"--user anna.*":                   {User: audit.UserPattern{Text: "anna.", Prefix: true}},
		"--configuration c1":              {Configuration: "c1"},
		"--route identityCertificate":     {Route: "identity"},
		"--status-id s1":                  {StatusID: "s1"},
		"--request-id r1":                 {RequestID: "r1"},
		"--worker w1":                     {Worker: "w1"},
		"--since 2h --until 2026-11-23":   {Since: now.Add(-2 * time.Hour), Until: now.Add(6 * time.Hour)},
		"--since yesterday --until today": {Since: now.Add(-42 * time.Hour), Until: now.Add(6 * time.Hour)},
	} {
		var flags EventFlags
		if err := parseFlags(&flags, args); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		want.Run = 202611000042
		got, err := flags.Filter(202611000042, now)
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", args, diff)
		}
	}
}

func TestEventFlagsAtFault(t *testing.T) {
	for args, want := range map[string]string{
		"--tenant contoso":                      `--tenant: "contoso" is no GUID`,
		"--outcome appled":                      `--outcome: "appled" is no outcome: write applied`,
		"--status 600":                          "--status: \"600\" is no HTTP status",
		"--user a*b*":                           `--user: "a*b*": a star is possible at the end only`,
		"--route planin":                        `--route: "planin" is no route of user statuses: write plain`,
		"--row=-1 --since soon --until 2026-99": "--row=-1: rows are counted from 1; 0 is the run itself\n--since: \"soon\" is no time",
		"--since 1h --until 2h":                 "--since 1h is not before --until 2h",
	} {
		var flags EventFlags
		err := parseFlags(&flags, args)
		if err == nil {
			_, err = flags.Filter(0, time.Now())
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func parseFlags(flags any, args string) error {
	parser, err := kong.New(flags, kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	_, err = parser.Parse(strings.Fields(args))
	return err
}
