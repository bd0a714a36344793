package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fruit() *Table {
	t := NewTable(Column{Title: "Name"}, Column{Title: "N", Right: true}, Column{Title: "Never"}, Column{Title: "About", Fit: Wrap}, Column{Title: "From", Fit: Spare})
	t.Add("apple", "1,000", "", "red or green or both", "Tyrol")
	t.Add("木", "7", "", "a\ntree", "")
	return t
}

func TestTable(t *testing.T) {
	for width, want := range map[int]string{
		0: `
Name       N  About                 From
apple  1,000  red or green or both  Tyrol
木         7  a\ntree
`,
		38: `
Name       N  About              From
apple  1,000  red or green or    Tyrol
              both
木         7  a\ntree
`,
		24: `
Name       N  About
apple  1,000  red or
              green or
              both
木         7  a\ntree
`,
		12: `
Name       …
apple  1,00…
           …
           …
木         …
`,
	} {
		var out strings.Builder
		if err := fruit().Write(&out, width); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("\n"+out.String(), want); diff != "" {
			t.Errorf("width %d (-got +want):\n%s", width, diff)
		}
	}
}

func TestTableWithoutTitlesOrRows(t *testing.T) {
	var out strings.Builder
	facts := NewTable(Column{}, Column{})
	facts.Add("tenant", "contoso")
	if err := facts.Write(&out, 0); err != nil {
		t.Fatal(err)
	}
	if err := NewTable(Column{Title: "NAME"}).Write(&out, 0); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "tenant  contoso\nNAME\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
