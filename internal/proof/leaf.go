package proof

import (
	"crypto/sha256"
	"encoding/binary"
)

// Digest is a SHA-256.
type Digest = [sha256.Size]byte

// The columns of audit_event under its leaf, in the order in which they are encoded. A person's values come in as their
// own hash, so that they can be erased and the leaf still be worked out.
var (
	EventColumns = []string{
		"run", "row", "final", "body_cut", "spared", "status", "elapsed_us", "sent_at", "recorded_at", "client_request_id",
		"outcome", "method", "url", "response_headers", "request_id", "worker", "actor",
	}
	PersonalEventColumns = []string{"request_body", "response_body", "error"}
)

// The columns of status_update under its leaf.
var (
	UpdateColumns = []string{
		"run", "row", "line", "target", "route", "device_configuration_id", "certificate_id", "user_status_id", "asks",
	}
	PersonalUpdateColumns = []string{
		"user_display_name", "devices_count", "status", "last_reported_date_time", "user_principal_name", "other", "expects",
	}
)

// Leaf is the digest of one row or event: SHA-256 over its public values and over the hash of the personal ones. public is
// appended to, so that nothing is allocated when it has room for a digest.
func Leaf(public []byte, personal Digest) Digest {
	return sha256.Sum256(append(public, personal[:]...))
}

// Personal is the hash of encoded personal values.
func Personal(values []byte) Digest { return sha256.Sum256(values) }

// AppendValue appends a value in binary form with its length before it; nil is NULL.
func AppendValue(b, value []byte) []byte {
	if value == nil {
		return append(b, 0xff, 0xff, 0xff, 0xff)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
}

// AppendValues appends values in binary form, as pgx has them before it decodes them.
func AppendValues(b []byte, values [][]byte) []byte {
	for _, v := range values {
		b = AppendValue(b, v)
	}
	return b
}
