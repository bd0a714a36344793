package source

import (
	"strings"
	"testing"
)

// FuzzLayout holds what is made of any header against a slower reading of the same rule: the first column of a name,
// in any case, is read as the field of that name.
func FuzzLayout(f *testing.F) {
	for _, header := range []string{
		"deviceConfigurationId,id,status", " ID ,DEVICECONFIGURATIONID,Status,status", "userStatusId,id,route,certificateId,lastReportedDateTime",
		"a,a,a", "\"\",\" \",\"\"", "stat\u017fus,devicesCount", "ticket,device Configuration Id", "note\x00,\ufeffid",
	} {
		f.Add(header, "ticket")
	}
	f.Fuzz(func(t *testing.T, header, mapped string) {
		names := split([]byte(header), ',')
		columns := map[string]string{}
		if fold(mapped) != "" {
			columns[mapped] = "userDisplayName"
		}
		o, err := newOptions(contoso, columns, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		l, faults := newLayout(o, names)
		first := map[string]int{}
		repeated := 0
		for i, name := range names {
			want := fieldFor(name, mapped)
			if want == "" {
				continue
			}
			if _, taken := first[want]; taken {
				repeated++
				continue
			}
			first[want] = i
		}
		for _, known := range fieldNames[1:] {
			column, ok := first[known]
			if !ok {
				column = -1
			}
			if got := l.columns[fieldByName(known)]; got != column {
				t.Errorf("%q: %s is read from column %d, want %d", names, known, got, column)
			}
		}
		second := 0
		for _, fault := range faults {
			if fault.Problem == "is a second column for one property" {
				second++
			}
			if fault.Problem == "" || fault.Right == "" || !fault.spreads {
				t.Errorf("%q: got %+v", names, fault)
			}
		}
		if second != repeated {
			t.Errorf("%q: %d columns are second ones, want %d", names, second, repeated)
		}
		if read := len(l.fields) - len(l.others); read > len(first) {
			t.Errorf("%q: %d columns are read, %d are known", names, read, len(first))
		}
	})
}

// fieldFor is the field that a column's name means, found in another way than recognise does.
func fieldFor(name, mapped string) string {
	plain := strings.ToLower(strings.TrimSpace(name))
	if m := strings.ToLower(strings.TrimSpace(mapped)); m != "" && m == plain {
		return "userDisplayName"
	}
	if strings.EqualFold(strings.TrimSpace(name), "id") {
		return "userStatusId"
	}
	for _, known := range fieldNames[1:] {
		if strings.EqualFold(strings.TrimSpace(name), known) {
			return known
		}
	}
	return ""
}
