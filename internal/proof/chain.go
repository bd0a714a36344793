package proof

import (
	"crypto/sha256"
	"encoding/binary"
)

// A chain has one link for each commit that recorded events of its run. Number 0 is the import.
//
// What a link says comes under a tag of its own, so that none can be passed off as another kind.
const (
	importTag = "graphpatch import 1\n"
	commitTag = "graphpatch commit 1\n"
	purgeTag  = "graphpatch purge 1\n"
)

// RunFacts reads what of a run never changes, in the order and form in which ImportContent takes it: binary.
const RunFacts = `
	SELECT id, kind, name, actor, tenant, source::text, options::text, priority, fingerprint, repeat, origin, created_at
	FROM run WHERE id = $1`

// ImportContent is what link 0 says: what RunFacts has, and the slices of its rows.
func ImportContent(facts [][]byte, slices []Slice) Digest {
	b := AppendValues([]byte(importTag), facts)
	for i := range slices {
		b = binary.BigEndian.AppendUint32(b, uint32(slices[i].First))
		b = append(b, slices[i].Digest[:]...)
	}
	return sha256.Sum256(b)
}

// Content is what a later link says: which rows' events it recorded, by their leaves.
func Content(run int64, rows []int32, leaves [][]byte) Digest {
	b := make([]byte, 0, len(commitTag)+12+len(rows)*(4+sha256.Size))
	b = append(b, commitTag...)
	b = binary.BigEndian.AppendUint64(b, uint64(run))
	b = binary.BigEndian.AppendUint32(b, uint32(len(rows)))
	for i, row := range rows {
		b = append(binary.BigEndian.AppendUint32(b, uint32(row)), leaves[i]...)
	}
	return sha256.Sum256(b)
}

// Link is the digest of a link: over that of the one before, zeros for number 0, and over what it says. The database works
// out the same, because only it knows which link comes before.
func Link(previous, content Digest) Digest {
	return sha256.Sum256(append(previous[:], content[:]...))
}

// Month sums up the ends of the chains of a month's runs, which are added in their order.
type Month struct{ b []byte }

// Add adds a run; digest is nil for one that is older than the chain.
func (m *Month) Add(run int64, commits int32, digest []byte) {
	m.b = binary.BigEndian.AppendUint64(m.b, uint64(run))
	m.b = binary.BigEndian.AppendUint32(m.b, uint32(commits))
	m.b = AppendValue(m.b, digest)
}

// Digest is the digest of what was added.
func (m *Month) Digest() Digest { return sha256.Sum256(append([]byte(purgeTag), m.b...)) }
