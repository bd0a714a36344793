package source

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"

	"graphpatch/internal/userstatus"
)

const (
	partitions = 64
	entrySize  = 32
	// chunkSize is what a partition holds in memory: 2 MiB for all of them.
	chunkSize = 32 << 10
)

// entry is where a target was seen.
type entry struct {
	high, low uint64 // the target's key
	line      int64
	row       int32
}

// duplicates finds the rows that repeat a target, in memory that does not grow with them: entries are dealt out by
// key to partitions, whose chunks go to a temporary file when they are full; at the end one partition after the
// other is sorted. Two rows with one target are always in one partition.
type duplicates struct {
	dir      string
	open     [partitions][]byte
	spilled  [partitions][]int64 // where the partition's full chunks stand in the file
	file     *os.File
	size     int64
	unlinked bool
}

func (d *duplicates) add(key userstatus.Key, row int32, line int64) error {
	p := int(key[0]) % partitions
	chunk := append(d.open[p], key[:]...)
	chunk = binary.LittleEndian.AppendUint64(chunk, uint64(line))
	chunk = binary.LittleEndian.AppendUint64(chunk, uint64(row))
	d.open[p] = chunk
	if len(chunk) < chunkSize {
		return nil
	}
	return d.spill(p)
}

func (d *duplicates) spill(p int) error {
	if d.file == nil {
		if err := d.create(); err != nil {
			return err
		}
	}
	if _, err := d.file.WriteAt(d.open[p], d.size); err != nil {
		return err
	}
	d.spilled[p] = append(d.spilled[p], d.size)
	d.size += int64(len(d.open[p]))
	d.open[p] = d.open[p][:0]
	return nil
}

// create makes the file, for this user only, and takes away its name at once where the system allows it, so that it
// does not outlive the process in any way.
func (d *duplicates) create() (err error) {
	if d.file, err = os.CreateTemp(d.dir, "graphpatch-targets-*"); err != nil {
		return err
	}
	d.unlinked = os.Remove(d.file.Name()) == nil
	return nil
}

// close gives up the file.
func (d *duplicates) close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	if !d.unlinked {
		err = errors.Join(err, os.Remove(d.file.Name()))
	}
	return err
}

// each calls found for every row that repeats the target of an earlier one, along with the first row of that target.
func (d *duplicates) each(ctx context.Context, found func(first, later entry) error) error {
	var entries []entry
	for p := range partitions {
		var err error
		if entries, err = d.load(entries[:0], p); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		slices.SortFunc(entries, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low), cmp.Compare(a.row, b.row))
		})
		if err := scan(entries, found); err != nil {
			return err
		}
	}
	return nil
}

func scan(sorted []entry, found func(first, later entry) error) error {
	first := 0
	for i := 1; i < len(sorted); i++ {
		if sorted[i].high != sorted[first].high || sorted[i].low != sorted[first].low {
			first = i
			continue
		}
		if err := found(sorted[first], sorted[i]); err != nil {
			return err
		}
	}
	return nil
}

// load appends a partition's entries, those in the file and those still in memory.
func (d *duplicates) load(entries []entry, p int) ([]entry, error) {
	chunk := make([]byte, chunkSize)
	for _, at := range d.spilled[p] {
		if _, err := d.file.ReadAt(chunk, at); err != nil && err != io.EOF {
			return nil, err
		}
		entries = decodeEntries(entries, chunk)
	}
	return decodeEntries(entries, d.open[p]), nil
}

func decodeEntries(entries []entry, chunk []byte) []entry {
	for ; len(chunk) > 0; chunk = chunk[entrySize:] {
		entries = append(entries, entry{
			high: binary.BigEndian.Uint64(chunk),
			low:  binary.BigEndian.Uint64(chunk[8:]),
			line: int64(binary.LittleEndian.Uint64(chunk[16:])),
			row:  int32(binary.LittleEndian.Uint64(chunk[24:])),
		})
	}
	return entries
}
