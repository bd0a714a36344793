package ledger

import (
	"encoding/binary"
	"slices"

	"graphpatch/internal/proof"
	"graphpatch/internal/userstatus"
)

// runRow is a row of a run, as status_update has it.
type runRow struct {
	run int64
	userstatus.Row
	public []byte // of the row that was appended last; reused
}

// append appends the row in COPY's binary format: the number of values, then each with its length before it. All
// numbers are big-endian. It returns the leaf of the row as well, which is worked out from the same bytes.
func (r *runRow) append(b []byte) ([]byte, proof.Digest) {
	b = binary.BigEndian.AppendUint16(b, uint16(len(updateColumns)))
	begin, personal := len(b), 0
	for i := range updateColumns {
		if i == len(proof.UpdateColumns) {
			personal = len(b)
		}
		b = updateColumns[i].append(b, r)
	}
	r.public = append(slices.Grow(r.public[:0], personal-begin+len(proof.Digest{})), b[begin:personal]...)
	return b, proof.Leaf(r.public, proof.Personal(b[personal:]))
}

// updateColumns are the columns of status_update in the order of proof's, the public ones first, and how each appends its value in binary form.
var updateColumns = [...]struct {
	name   string
	append func(b []byte, r *runRow) []byte
}{
	{"run", func(b []byte, r *runRow) []byte { return appendInt64(b, r.run) }},
	{"row", func(b []byte, r *runRow) []byte { return appendInt32(b, r.Number) }},
	{"line", func(b []byte, r *runRow) []byte { return appendInt64(b, r.Line) }},
	{"target", func(b []byte, r *runRow) []byte {
		key := r.Update.Target.Key()
		return append(appendLength(b, len(key)), key[:]...)
	}},
	{"route", func(b []byte, r *runRow) []byte { return appendText(b, r.Update.Target.Route) }},
	{"device_configuration_id", func(b []byte, r *runRow) []byte { return appendText(b, r.Update.Target.ConfigurationID) }},
	{"certificate_id", func(b []byte, r *runRow) []byte {
		id := r.Update.Target.CertificateID
		return appendTextIf(b, id, id != "")
	}},
	{"user_status_id", func(b []byte, r *runRow) []byte { return appendText(b, r.Update.Target.StatusID) }},
	{"asks", func(b []byte, r *runRow) []byte { return appendInt16(b, int16(r.Update.Wanted.Asks())) }},
	{"user_display_name", func(b []byte, r *runRow) []byte {
		name, ok := r.Update.Wanted.UserDisplayName.Get()
		return appendTextIf(b, name, ok)
	}},
	{"devices_count", func(b []byte, r *runRow) []byte {
		count, ok := r.Update.Wanted.DevicesCount.Get()
		if !ok {
			return appendNull(b)
		}
		return appendInt32(b, count)
	}},
	{"status", func(b []byte, r *runRow) []byte {
		status, ok := r.Update.Wanted.Status.Get()
		return appendTextIf(b, string(status), ok)
	}},
	{"last_reported_date_time", func(b []byte, r *runRow) []byte {
		at, ok := r.Update.Wanted.LastReportedDateTime.Get()
		return appendTextIf(b, at.Given(), ok)
	}},
	{"user_principal_name", func(b []byte, r *runRow) []byte {
		name, ok := r.Update.Wanted.UserPrincipalName.Get()
		return appendTextIf(b, name, ok)
	}},
	{"other", func(b []byte, r *runRow) []byte { return appendTexts(b, r.Other) }},
	{"expects", func(b []byte, r *runRow) []byte { return appendTextIf(b, r.Expects, r.Expects != "") }},
}

func appendLength(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

// appendNull appends the length that says that there is no value.
func appendNull(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) }

func appendInt16(b []byte, n int16) []byte {
	return binary.BigEndian.AppendUint16(appendLength(b, 2), uint16(n))
}

func appendInt32(b []byte, n int32) []byte {
	return binary.BigEndian.AppendUint32(appendLength(b, 4), uint32(n))
}

func appendInt64(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(appendLength(b, 8), uint64(n))
}

func appendText(b []byte, s string) []byte { return append(appendLength(b, len(s)), s...) }

// appendTextIf appends a text that is there, otherwise null.
func appendTextIf(b []byte, s string, ok bool) []byte {
	if !ok {
		return appendNull(b)
	}
	return appendText(b, s)
}

// textOID is the type of text in every database.
const textOID = 25

// appendTexts appends a text[] as Postgres would send it, because it stands under a digest like that. nil is null; an
// empty one has no dimension.
func appendTexts(b []byte, texts []string) []byte {
	if texts == nil {
		return appendNull(b)
	}
	if len(texts) == 0 {
		return append(appendLength(b, 12), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, textOID)
	}
	at := len(b)
	b = appendLength(b, 0)                                                // known only at the end
	for _, n := range [...]uint32{1, 0, textOID, uint32(len(texts)), 1} { // dimensions, no nulls, type, length, first index
		b = binary.BigEndian.AppendUint32(b, n)
	}
	for _, s := range texts {
		b = appendText(b, s)
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}
