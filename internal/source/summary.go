package source

import (
	"crypto/sha256"
	"hash"

	"graphpatch/internal/userstatus"
)

// Summary is what the first reading of a source found.
type Summary struct {
	Rows       int // good ones: those that the second reading yields
	Skipped    int // bad ones that are left out; only with SkipInvalid
	Duplicates int // rows that repeat an earlier row's target: skipped, or kept with AllowDuplicates

	Numbered bool // the rows are a query's, and are found by their number instead of a line

	Lines       int64
	Bytes       int64
	SHA256      [32]byte // of the bytes
	Fingerprint [32]byte // of what the good rows ask for, in their order, however they are written

	Encoding  string // UTF-8, UTF-8 with BOM, UTF-16LE or UTF-16BE
	Delimiter rune
	Style     Style

	Header       []string
	Columns      []string // for each of Header: the property or id it is read as, empty if nothing is read from it
	OtherColumns []int    // the indexes in Header of the cells in Row.Other

	Configurations     int            // distinct ones
	ConfigurationsMore bool           // there are more: counting stops at 10,000
	Routes             map[string]int // good rows, by the route's short name

	Warnings []string
	Faults   *Faults // of the rows that are skipped; nil when none is

	repeated []repeated // the duplicates that are skipped, by row
}

// repeated is a row that is skipped because an earlier one has its target.
type repeated struct {
	row       int32
	firstLine int64
}

// maxConfigurations bounds the memory for counting configurations; a tenant has hundreds.
const maxConfigurations = 10_000

// Tally counts good rows, and takes the fingerprint of what they ask for.
type Tally struct {
	rows           int
	routes         map[string]int
	configurations map[string]struct{}
	more           bool
	fingerprint    hash.Hash
	canonical      []byte
}

// NewTally returns a Tally of no rows.
func NewTally() *Tally {
	return &Tally{routes: map[string]int{}, configurations: map[string]struct{}{}, fingerprint: sha256.New()}
}

// Add counts a row and returns its target's key.
func (t *Tally) Add(u *userstatus.Update) userstatus.Key {
	t.rows++
	t.routes[u.Target.Route]++
	if _, ok := t.configurations[u.Target.ConfigurationID]; !ok {
		t.addConfiguration(u.Target.ConfigurationID)
	}
	t.canonical = u.AppendCanonical(t.canonical[:0])
	t.fingerprint.Write(t.canonical)
	return userstatus.Key(t.canonical[:len(userstatus.Key{})])
}

func (t *Tally) addConfiguration(id string) {
	if len(t.configurations) == maxConfigurations {
		t.more = true
		return
	}
	// A copy, because the id is a part of its whole record.
	t.configurations[string([]byte(id))] = struct{}{}
}

// Tell writes what was counted into s: Rows, Routes, the configurations and the fingerprint.
func (t *Tally) Tell(s *Summary) {
	s.Rows, s.Routes = t.rows, t.routes
	s.Configurations, s.ConfigurationsMore = len(t.configurations), t.more
	t.fingerprint.Sum(s.Fingerprint[:0])
}
