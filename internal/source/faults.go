package source

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// keptFaults is how many faults are kept in full: more than anybody corrects by hand, few enough to hold.
const keptFaults = 100

// Faults are all the faults of a source. The first hundred are kept, the others counted by kind, so that a file
// with a million of them takes no more memory.
type Faults struct {
	Source string
	First  []Fault // by line and column, at most 100
	Total  int
	Rows   int // rows with at least one fault

	rest     map[string]int // by Problem
	spreads  bool           // at least one of them is no matter of a single row
	numbered bool           // they are those of a query's result
}

// add takes in the faults of one row, or of the header when row is 0.
func (f *Faults) add(row int32, faults ...Fault) {
	if row > 0 {
		f.Rows++
	}
	for _, fault := range faults {
		f.Total++
		f.spreads = f.spreads || fault.spreads
		fault.numbered = f.numbered
		f.keep(fault)
	}
}

func (f *Faults) keep(fault Fault) {
	// After its equals, so that the faults of one place stay in the order in which they were found.
	at, _ := slices.BinarySearchFunc(f.First, fault, func(a, b Fault) int { return cmp.Or(compareFaults(a, b), -1) })
	f.First = slices.Insert(f.First, at, fault)
	if len(f.First) <= keptFaults {
		return
	}
	if f.rest == nil {
		f.rest = map[string]int{}
	}
	f.rest[f.First[keptFaults].Problem]++
	f.First = f.First[:keptFaults]
}

// Error says how many faults there are and shows the first one.
func (f *Faults) Error() string {
	switch f.Total {
	case 0:
		return f.Source + ": no faults"
	case 1:
		return f.First[0].Error()
	}
	return fmt.Sprintf("%s has %s faults, the first: %s", f.Source, humanize.Comma(int64(f.Total)), f.First[0].Error())
}

// Print writes the faults, one on a line, and after the first hundred how many more of which kind there are.
func (f *Faults) Print(w io.Writer) error {
	var b strings.Builder
	for _, fault := range f.First {
		b.WriteString(fault.Error() + "\n")
	}
	if len(f.rest) > 0 {
		fmt.Fprintf(&b, "… and %s more: %s\n", humanize.Comma(int64(f.Total-len(f.First))), strings.Join(f.kinds(), ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// kinds lists the kinds of the faults that are only counted, the most frequent first.
func (f *Faults) kinds() []string {
	problems := slices.SortedFunc(maps.Keys(f.rest), func(a, b string) int {
		return cmp.Or(cmp.Compare(f.rest[b], f.rest[a]), cmp.Compare(a, b))
	})
	for i, p := range problems {
		problems[i] = fmt.Sprintf("%s × %s", humanize.Comma(int64(f.rest[p])), p)
	}
	return problems
}
