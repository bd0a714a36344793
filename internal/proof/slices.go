package proof

import (
	"crypto/sha256"
	"hash"
)

// SliceRows is how many rows come under one digest of an import: as many as one slice spans.
const SliceRows = 1000

// Slice is the digest of the rows of one slice: SHA-256 over their leaves.
type Slice struct {
	First  int32 // the row that a full slice would begin with
	Digest Digest
}

// Slices sums up the leaves of a run's rows, slice by slice.
type Slices struct {
	done []Slice
	hash hash.Hash // of the slice that is not complete
	last int32     // where that one begins
}

// Add adds the leaf of a row; rows come in their order.
func (s *Slices) Add(row int32, leaf Digest) {
	first := FirstOfSlice(row)
	if s.hash == nil {
		s.hash, s.last = sha256.New(), first
	}
	if s.last != first {
		s.close()
		s.last = first
	}
	s.hash.Write(leaf[:])
}

// FirstOfSlice is the row that the slice of this row begins with.
func FirstOfSlice(row int32) int32 { return (row-1)/SliceRows*SliceRows + 1 }

func (s *Slices) close() {
	s.done = append(s.done, Slice{s.last, Digest(s.hash.Sum(nil))})
	s.hash.Reset()
}

// Done ends the last slice and returns all that have rows.
func (s *Slices) Done() []Slice {
	if s.hash != nil {
		s.close()
		s.hash = nil
	}
	return s.done
}
