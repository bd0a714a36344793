package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
)

// rawReader passes on the bytes of a source as they are, and takes their digest. Its error is sticky, because
// encoding/csv forgets one that comes along with a fault in the text.
type rawReader struct {
	ctx   context.Context
	r     io.Reader
	hash  hash.Hash
	bytes int64
	err   error
}

func newRawReader(ctx context.Context, r io.Reader) *rawReader {
	return &rawReader{ctx: ctx, r: r, hash: sha256.New()}
}

func (r *rawReader) Read(p []byte) (n int, err error) {
	if r.err != nil {
		return 0, r.err
	}
	if err := r.ctx.Err(); err != nil {
		r.err = context.Cause(r.ctx)
		return 0, r.err
	}
	n, r.err = r.r.Read(p)
	r.hash.Write(p[:n])
	r.bytes += int64(n)
	return n, r.err
}

// failed returns the error that reading ended with, if it was not the end of the source.
func (r *rawReader) failed() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

var errTooLong = errors.New("record longer than 1 MiB")

// meter passes on text up to a limit that is renewed with each record, and counts lines.
type meter struct {
	r        io.Reader
	given    int64 // bytes passed on
	limit    int64 // and how many may be
	newlines int64
	last     byte
	tooLong  bool

	text []byte // what was passed on, from the byte from on
	from int64
	done int64 // nobody asks for what is before it
}

func (m *meter) Read(p []byte) (int, error) {
	left := m.limit - m.given
	if m.tooLong || left <= 0 {
		m.tooLong = true
		return 0, errTooLong
	}
	n, err := m.r.Read(p[:min(int64(len(p)), left)])
	m.given += int64(n)
	m.text = append(append(m.text[:0], m.text[m.done-m.from:]...), p[:n]...)
	m.from = m.done
	m.newlines += int64(bytes.Count(p[:n], []byte{'\n'}))
	if n > 0 {
		m.last = p[n-1]
	}
	return n, err
}

// between returns the text from byte begin to byte end, valid until more is read.
func (m *meter) between(begin, end int64) []byte { return m.text[begin-m.from : end-m.from] }

// lines is how many there are, the last one with or without its end.
func (m *meter) lines() int64 {
	if m.given > 0 && m.last != '\n' {
		return m.newlines + 1
	}
	return m.newlines
}
