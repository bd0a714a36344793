package source

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/userstatus"
)

// givenBack is the text that a run can give back: what is written in the source's style, and what is kept as it stood.
func givenBack(sum *Summary, rows []userstatus.Row) string {
	cells, kept := cellsOf(sum, rows)
	w := sum.Style.Records(sum.Delimiter)
	text := sum.Style.Header
	if text == "" {
		text = string(w.Append(nil, 0, sum.Header)) + sum.Style.LineEnd
	}
	for i, row := range cells {
		if kept[i] == "" {
			kept[i] = string(w.Append(nil, 0, row)) + sum.Style.LineEnd
		}
		text += kept[i]
	}
	if sum.Style.Unended {
		text = strings.TrimSuffix(text, sum.Style.LineEnd)
	}
	return text + sum.Style.Tail
}

// Whatever the quoting, every byte can be given back, and the rows of ordinary files need nothing but their cells for it.
func TestStyle(t *testing.T) {
	const plain = "id,deviceConfigurationId,status,note\ns1,c1,compliant,x\ns2,c1,error,\n"
	quoted := `"` + strings.NewReplacer(",", `","`, "\n", "\"\r\n\"").Replace(strings.TrimSuffix(plain, "\n")) + "\"\r\n"
	for name, c := range map[string]struct {
		text  string
		style Style
		kept  int
	}{
		"plain":                {plain, Style{LineEnd: "\n"}, 0},
		"CRLF":                 {strings.ReplaceAll(plain, "\n", "\r\n"), Style{LineEnd: "\r\n"}, 0},
		"no last line end":     {strings.TrimSuffix(plain, "\n"), Style{LineEnd: "\n", Unended: true}, 0},
		"empty lines":          {"\n" + plain + "\r\n\n", Style{LineEnd: "\n", Header: "\nid,deviceConfigurationId,status,note\n", Tail: "\r\n\n"}, 0},
		"empty line between":   {strings.Replace(plain, "s2", "\n\ns2", 1), Style{LineEnd: "\n"}, 1},
		"semicolons":           {strings.ReplaceAll(plain, ",", ";"), Style{LineEnd: "\n"}, 0},
		"all quoted":           {quoted, Style{LineEnd: "\r\n", Quoted: []int{0, 1, 2, 3}, QuotedEmpty: []int{3}}, 0},
		"quoted but for empty": {strings.ReplaceAll(quoted, `,""`, ","), Style{LineEnd: "\r\n", Quoted: []int{0, 1, 2, 3}}, 0},
		"texts quoted": {
			"id,deviceConfigurationId,status,note\n\"s1\",\"c1\",error,\"a \"\"b\"\", c\"\n\"s2\",\"c1\",error,\"d\"\n",
			Style{LineEnd: "\n", Header: "id,deviceConfigurationId,status,note\n", Quoted: []int{0, 1, 3}}, 0,
		},
		"one row otherwise":       {strings.Replace(plain, "x", `"x"`, 1) + "s3,c1,error,y\ns4,c1,error,z\n", Style{LineEnd: "\n"}, 1},
		"one line end otherwise":  {strings.Replace(plain, "x\n", "x\r\n", 1) + "s3,c1,error,y\n", Style{LineEnd: "\n"}, 1},
		"needed quotes":           {strings.Replace(plain, "x", "\"a,b\nc\"\"d\"", 1), Style{LineEnd: "\n"}, 0},
		"CRLF within":             {strings.Replace(plain, "x", "\"a\r\nb\"", 1), Style{LineEnd: "\n"}, 1},
		"white space and returns": {strings.Replace(plain, "x", " a\rb ", 1), Style{LineEnd: "\n"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := of(t, c.text)
			sum, rows := load(t, cfg)
			if diff := cmp.Diff(sum.Style, c.style); diff != "" {
				t.Errorf("style (-got +want):\n%s", diff)
			}
			keptRows := 0
			for _, row := range rows {
				keptRows += len(row.Other) - len(sum.OtherColumns)
			}
			if keptRows != c.kept {
				t.Errorf("%d rows are kept as they stood, want %d", keptRows, c.kept)
			}
			if diff := cmp.Diff(givenBack(sum, rows), c.text); diff != "" {
				t.Errorf("given back (-got +want):\n%s", diff)
			}
		})
	}
}

// The text of a record is there whatever was read ahead: records of many lengths across the reader's buffers.
func TestStyleAcrossBuffers(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,deviceConfigurationId,status,note\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "s%d,c,error,\"%s\"\n", i, strings.Repeat("x,", i%1500))
	}
	sum, rows := load(t, of(t, b.String()))
	for i, row := range rows {
		if len(row.Other) > 1 {
			t.Fatalf("row %d is kept as it stood: %.60q", i+1, row.Other[1])
		}
	}
	if givenBack(sum, rows) != b.String() {
		t.Error("another text is given back")
	}
}

// cellsOf puts the cells of rows back into their columns, and returns what is kept of each as it stood.
func cellsOf(sum *Summary, rows []userstatus.Row) (cells [][]string, kept []string) {
	for _, row := range rows {
		u, other := row.Update, row.Other
		name, _ := u.Wanted.UserDisplayName.Get()
		status, _ := u.Wanted.Status.Get()
		at, _ := u.Wanted.LastReportedDateTime.Get()
		upn, _ := u.Wanted.UserPrincipalName.Get()
		count := ""
		if n, ok := u.Wanted.DevicesCount.Get(); ok {
			count = strconv.Itoa(int(n))
		}
		known := map[string]string{
			"deviceConfigurationId": u.Target.ConfigurationID, "userStatusId": u.Target.StatusID, "certificateId": u.Target.CertificateID,
			"userDisplayName": name, "devicesCount": count, "status": string(status), "lastReportedDateTime": at.Given(), "userPrincipalName": upn,
		}
		record := make([]string, len(sum.Columns))
		for i, column := range sum.Columns {
			if _, ok := known[column]; ok {
				record[i] = known[column]
				continue
			}
			record[i], other = other[0], other[1:]
		}
		cells, kept = append(cells, record), append(kept, strings.Join(other, ""))
	}
	return cells, kept
}
