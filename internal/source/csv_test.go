package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

func TestRowsOfAFullFile(t *testing.T) {
	const text = "deviceConfigurationId,userStatusId,route,certificateId,userDisplayName,devicesCount,status,lastReportedDateTime,userPrincipalName,ticket\r\n" +
		"c1,s1,,,\"Lovelace, Ada\",12,notApplicable,2017-01-01T00:00:17.77693929-08:00,ada@contoso.com,T1\r\n" +
		"\r\n" +
		"c2,s2,/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation,cert,\"two\r\nlines\",,,,,T2\r\n" +
		"c1,s3,root,,,0,,,,\r\n"
	sum, rows := load(t, of(t, text))
	want := []userstatus.Row{
		{Number: 1, Line: 2, Other: []string{"", "T1"}, Update: userstatus.Update{
			Target: userstatus.Target{Tenant: contoso, Route: "plain", ConfigurationID: "c1", StatusID: "s1"},
			Wanted: wanted(t, "Lovelace, Ada", "12", "notApplicable", "2017-01-01T00:00:17.77693929-08:00", "ada@contoso.com")}},
		{Number: 2, Line: 4, Other: []string{
			"/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation", "T2",
			text[strings.Index(text, "\r\nc2"):strings.Index(text, "c1,s3")], // because of the empty line before it, and the CRLF within
		}, Update: userstatus.Update{
			Target: userstatus.Target{Tenant: contoso, Route: "windows-eap-roots", ConfigurationID: "c2", CertificateID: "cert", StatusID: "s2"},
			Wanted: wanted(t, "two\nlines", "", "", "", "")}},
		{Number: 3, Line: 6, Other: []string{"root", ""}, Update: userstatus.Update{
			Target: userstatus.Target{Tenant: contoso, Route: "root", ConfigurationID: "c1", StatusID: "s3"},
			Wanted: wanted(t, "", "0", "", "", "")}},
	}
	if diff := cmp.Diff(rows, want, asGiven); diff != "" {
		t.Error(diff)
	}
	header := strings.Split(text[:strings.Index(text, "\r\n")], ",")
	wantSum := &Summary{
		Rows: 3, Lines: 6, Bytes: int64(len(text)), SHA256: sha256.Sum256([]byte(text)), Fingerprint: fingerprint(want),
		Encoding: "UTF-8", Delimiter: ',', Style: Style{LineEnd: "\r\n"}, Header: header, Columns: append(header[:9:9], ""), OtherColumns: []int{2, 9},
		Configurations: 2, Routes: map[string]int{"plain": 1, "root": 1, "windows-eap-roots": 1},
	}
	if diff := cmp.Diff(sum, wantSum, cmp.AllowUnexported(Summary{})); diff != "" {
		t.Error(diff)
	}
}

// wanted sets the texts, in the order of Microsoft's example, that are not empty.
func wanted(t testing.TB, texts ...string) (w userstatus.Wanted) {
	t.Helper()
	for i, text := range texts {
		if text == "" {
			continue
		}
		if err := w.Set(1<<i, text); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func fingerprint(rows []userstatus.Row) [32]byte {
	var all []byte
	for _, r := range rows {
		all = r.Update.AppendCanonical(all)
	}
	return sha256.Sum256(all)
}

func TestNothingButPropertiesLeavesNoOther(t *testing.T) {
	sum, rows := load(t, of(t, "id,deviceconfigurationid,STATUS\ns,c,compliant\n"))
	if rows[0].Other != nil || sum.OtherColumns != nil {
		t.Errorf("got %q of columns %v", rows[0].Other, sum.OtherColumns)
	}
	if diff := cmp.Diff(sum.Columns, []string{"userStatusId", "deviceConfigurationId", "status"}); diff != "" {
		t.Error(diff)
	}
}

func TestMappedColumnsAndConstants(t *testing.T) {
	cfg := of(t, "Profil , Kennung,Zustand,status\nc,s,compliant,kept\n")
	cfg.Map = map[string]string{"profil": "deviceConfigurationID", "Kennung": "id", " ZUSTAND": "Status", "status": "userDisplayName"}
	cfg.Set = map[string]string{"route": "windows-eap-roots", "certificateId": "cert", "devicescount": "3"}
	_, rows := load(t, cfg)
	want := []userstatus.Row{{Number: 1, Line: 2, Update: userstatus.Update{
		Target: userstatus.Target{Tenant: contoso, Route: "windows-eap-roots", ConfigurationID: "c", CertificateID: "cert", StatusID: "s"},
		Wanted: wanted(t, "kept", "3", "compliant"),
	}}}
	if diff := cmp.Diff(rows, want, asGiven); diff != "" {
		t.Error(diff)
	}
}

func TestConstantsAloneMayBeWhatIsWanted(t *testing.T) {
	cfg := of(t, "id\ns1\ns2\n")
	cfg.Set = map[string]string{"deviceConfigurationId": "c", "status": "error"}
	sum, rows := load(t, cfg)
	if sum.Rows != 2 || sum.Configurations != 1 || rows[1].Update.Wanted.Asks() != userstatus.Status {
		t.Errorf("got %+v", rows)
	}
}

func TestEmptyCells(t *testing.T) {
	const text = "deviceConfigurationId,id,userDisplayName,userPrincipalName,status\nc,s,,,compliant\n"
	_, absent := load(t, of(t, text))
	if got := absent[0].Update.Wanted.Asks(); got != userstatus.Status {
		t.Errorf("asks for %s", got)
	}
	cfg := of(t, text)
	cfg.EmptyAsNull = true
	_, null := load(t, cfg)
	if w := null[0].Update.Wanted; !w.UserDisplayName.IsNull() || !w.UserPrincipalName.IsNull() || w.Status.IsNull() {
		t.Errorf("got %s", w.Body())
	}
	cfg = of(t, "deviceConfigurationId,id,userDisplayName,status\nc,s,,\n")
	cfg.EmptyAsNull = true
	_, only := load(t, cfg)
	if got := only[0].Update.Wanted.Asks(); got != userstatus.UserDisplayName {
		t.Errorf("asks for %s: null is something to ask for, an empty status is not", got)
	}
}

func TestNearlyKnownColumnIsAWarning(t *testing.T) {
	sum, _ := load(t, of(t, "deviceConfigurationId,id,status,devicecounts,user status id,ticket,Last Reported DateTime\nc,s,compliant,1,2,3,4\n"))
	want := []string{
		`column "devicecounts" is kept but not sent; did you mean devicesCount? use --map devicecounts=devicesCount`,
		`column "Last Reported DateTime" is kept but not sent; did you mean lastReportedDateTime? use --map 'Last Reported DateTime=lastReportedDateTime'`,
	}
	if diff := cmp.Diff(sum.Warnings, want); diff != "" {
		t.Error(diff)
	}
}

func TestCountingConfigurationsIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("deviceConfigurationId,id,status\n")
	for i := range maxConfigurations + 2 {
		fmt.Fprintf(&b, "c%d,s,error\nc%d,t,error\n", i, i)
	}
	sum, rows := load(t, of(t, b.String()))
	if sum.Configurations != maxConfigurations || !sum.ConfigurationsMore || len(rows) != 2*(maxConfigurations+2) {
		t.Errorf("got %d, more %v, of %d rows", sum.Configurations, sum.ConfigurationsMore, len(rows))
	}
	if diff := cmp.Diff(rows[len(rows)-1].Update.Target.ConfigurationID, "c10001"); diff != "" {
		t.Error(diff)
	}
}

func TestConfigFaultsAreJoined(t *testing.T) {
	_, err := NewCSV(CSVConfig{
		Delimiter: '"',
		Set:       map[string]string{"status": "Compliant", "Route": "nowhere", "STATUS": "error", "id": "..", "stauts": "x", "devicesCount": "", "userDisplayName": ""},
		Map:       map[string]string{"": "status", "a": "deviceCount", "b": "id", "c": "userPrincipalName", "d": "userprincipalname", " C": "route", "E ": "lastReportedDateTime", "e": "certificateId"},
	})
	want := `the source has no name
the source cannot be opened
--delimiter '"' cannot separate cells: use one such as , ; | or a tab
no tenant is given
--set Route=nowhere: "nowhere" is no route of user statuses: use one of plain, root, identity, identity-root, ios-scep-root, wp81-vpn-identity, macos-wired-root, macos-wired-identity, windows-eap-identity, windows-eap-roots
--set devicesCount=: asks for nothing: give a value
--set id=..: ".." is a path step, not an id: use the id that Graph shows
--set status=Compliant: status is set twice
--set stauts=x: "stauts" is nothing that can be set: did you mean status?
--set userDisplayName=: asks for nothing: give a value
--map =status: names no column
--map  C=route: route is given by --set as well
--map a=deviceCount: "deviceCount" is nothing that a column can be read as: did you mean devicesCount?
--map b=id: userStatusId is given by --set as well
--map d=userprincipalname: userPrincipalName is read from column "c" already
--map e=certificateId: column "e" is mapped twice`
	if diff := cmp.Diff(fmt.Sprint(err), want); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyConstantIsNullWhenEmptyIs(t *testing.T) {
	cfg := of(t, "deviceConfigurationId,id\nc,s\n")
	cfg.EmptyAsNull, cfg.Set = true, map[string]string{"userDisplayName": "", "route": ""}
	_, rows := load(t, cfg)
	if !rows[0].Update.Wanted.UserDisplayName.IsNull() || rows[0].Update.Target.Route != userstatus.Plain {
		t.Errorf("got %+v", rows[0].Update)
	}
}

func TestOpenFails(t *testing.T) {
	cfg := of(t, "")
	cfg.Open = func() (io.ReadCloser, error) { return os.Open("testdata/none.csv") }
	if _, err := newCSV(t, cfg).Check(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestReadingFails(t *testing.T) {
	text := string(ordinary(10_000))
	for _, delimiter := range []rune{0, ','} {
		for _, at := range []int{0, 10, 600_000, len(text) - 1, len(text)} {
			cfg := of(t, "")
			cfg.Delimiter = delimiter
			cfg.Open = func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader(text[:at]), iotest.ErrReader(io.ErrClosedPipe))), nil
			}
			if _, err := newCSV(t, cfg).Check(t.Context()); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("failed at byte %d: got %v", at, err)
			}
		}
	}
}

// A failing disk must not look like a fault in the file that happens to stand in the same buffer.
func TestReadingFailsInTheMiddleOfAQuote(t *testing.T) {
	cfg := of(t, "")
	cfg.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("deviceConfigurationId,id,status\nc,s,\"a\"b"), iotest.ErrReader(io.ErrClosedPipe))), nil
	}
	if _, err := newCSV(t, cfg).Check(t.Context()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledContextEndsBothReadings(t *testing.T) {
	c := newCSV(t, of(t, string(ordinary(100))))
	sum := check(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("check: got %v", err)
	}
	for _, err := range c.Rows(ctx, sum) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("rows: got %v", err)
		}
	}
}

func TestTenantIsRequired(t *testing.T) {
	cfg := of(t, "")
	cfg.Tenant = uuid.Nil
	if _, err := NewCSV(cfg); err == nil {
		t.Error("accepted")
	}
}
