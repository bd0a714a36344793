package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/userstatus"
)

// again is a file in which every seventh row has the target of the row six before it.
func again(rows int) (text string, repeats int) {
	var b strings.Builder
	b.WriteString("deviceConfigurationId,id,status\n")
	for i := range rows {
		id := i
		if i%7 == 6 {
			id, repeats = i-6, repeats+1
		}
		fmt.Fprintf(&b, "c,s%d,compliant\n", id)
	}
	return b.String(), repeats
}

func TestDuplicatesAreFoundOnDisk(t *testing.T) {
	text, repeats := again(150_000) // more than twice what memory holds
	cfg := of(t, text)
	cfg.AllowDuplicates = true
	sum, rows := load(t, cfg)
	if sum.Duplicates != repeats || sum.Rows != 150_000 || len(rows) != 150_000 || sum.Skipped != 0 {
		t.Errorf("got %d of %d duplicates, %d rows, %d yielded, %d skipped", sum.Duplicates, repeats, sum.Rows, len(rows), sum.Skipped)
	}
	cfg.AllowDuplicates = false
	_, err := newCSV(t, cfg).Check(t.Context())
	faults, ok := errors.AsType[*Faults](err)
	if !ok || faults.Total != repeats || faults.Rows != repeats {
		t.Fatalf("got %v", err)
	}
	for i, f := range faults.First {
		later := int64(2 + 6 + 7*i)
		if want := fmt.Sprintf("line %d does", later-6); f.Line != later || !strings.HasPrefix(f.Right, want) {
			t.Errorf("got %s, want line %d: %s", f.Error(), later, want)
		}
	}
}

func TestEveryLaterRowNamesTheFirst(t *testing.T) {
	got := refused(t, of(t, "deviceConfigurationId,id,status\nc,s,compliant\nc,t,error\nc,s,error\nc,s,compliant\n"))
	const right = ": addresses the same status as an earlier row: line 2 does; remove one, or let the later one win with --on-duplicate last\n"
	if diff := cmp.Diff(got, "users.csv:4"+right+"users.csv:5"+right); diff != "" {
		t.Error(diff)
	}
}

func TestBadRowIsNobodysDuplicate(t *testing.T) {
	got := refused(t, of(t, "deviceConfigurationId,id,status\nc,s,Compliant\nc,s,error\n"))
	if strings.Contains(got, "same status") {
		t.Errorf("got %s", got)
	}
}

func TestTargetsAreComparedWhole(t *testing.T) {
	text := "deviceConfigurationId,id,route,status\nc,s,,error\nc,s,root,error\nC,s,,error\nd,s,,error\nc,S,plain,error\n"
	if sum, _ := load(t, of(t, text)); sum.Rows != 5 {
		t.Errorf("got %d rows", sum.Rows)
	}
}

// Spilled keys are nobody else's to read, and nothing stays behind.
func TestSpillIsPrivateAndGoesAway(t *testing.T) {
	dir := t.TempDir()
	d := &duplicates{dir: dir}
	var row int32
	for d.file == nil {
		row++
		sum := sha256.Sum256(fmt.Append(nil, row))
		if err := d.add(userstatus.Key(sum[:16]), row, int64(row)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := d.file.Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
		t.Errorf("still has a name: %q", left)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

func TestNothingStaysBehindAfterAFault(t *testing.T) {
	text, _ := again(150_000)
	cfg := of(t, text+"c,x\n")
	refused(t, cfg)
	if left, _ := filepath.Glob(cfg.TempDir + "/*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestNoPlaceToSpill(t *testing.T) {
	text, _ := again(150_000)
	cfg := of(t, text)
	cfg.TempDir = filepath.Join(t.TempDir(), "none")
	if _, err := newCSV(t, cfg).Check(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFindingDuplicatesEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(duplicates).each(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzDuplicatesAreThoseOfAMap(f *testing.F) {
	f.Add([]byte("abacabad"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, targets []byte) {
		d := &duplicates{dir: t.TempDir()}
		defer d.close()
		first := map[byte]int32{}
		var want, got [][2]int32
		for i, target := range targets {
			row := int32(i + 1)
			key := sha256.Sum256([]byte{target})
			if err := d.add(userstatus.Key(key[:16]), row, int64(row)); err != nil {
				t.Fatal(err)
			}
			if seen, ok := first[target]; ok {
				want = append(want, [2]int32{seen, row})
			} else {
				first[target] = row
			}
		}
		if err := d.each(t.Context(), func(first, later entry) error {
			got = append(got, [2]int32{first.row, later.row})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b [2]int32) int { return int(a[1] - b[1]) })
		if diff := cmp.Diff(got, want); diff != "" {
			t.Error(diff)
		}
	})
}
