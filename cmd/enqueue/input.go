package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"graphpatch/internal/source"
)

// input is a file that can be read twice: the one that was named, or a private copy of standard input.
type input struct {
	name string
	path string
	copy bool
}

func open(ctx context.Context, file string, stdin io.Reader) (*input, error) {
	if file == "-" {
		return copyInput(ctx, stdin)
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file: the source is read twice; for a pipe use - and standard input", file)
	}
	return &input{name: file, path: file}, nil
}

// copyInput keeps standard input in a temporary file that only this user can read.
func copyInput(ctx context.Context, stdin io.Reader) (_ *input, err error) {
	f, err := os.CreateTemp("", "graphpatch-stdin-*.csv")
	if err != nil {
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	in := &input{name: "standard input", path: f.Name(), copy: true}
	_, err = io.Copy(f, &lineReader{r: &contextReader{ctx, stdin}})
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		in.close()
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	return in, nil
}

// contextReader ends between two reads when the context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// lineReader ends a text whose line does not: otherwise one such, that of /dev/zero for instance, would fill the disk before
// anybody looked at it. What was read is enough for the check to refuse it, in UTF-16 as well, which takes twice as much.
type lineReader struct {
	r    io.Reader
	line int // bytes since the last line feed
}

func (l *lineReader) Read(p []byte) (int, error) {
	if l.line > 2*source.MaxRecord {
		return 0, io.EOF
	}
	n, err := l.r.Read(p)
	if end := bytes.LastIndexByte(p[:n], '\n'); end >= 0 {
		l.line = n - end - 1
	} else {
		l.line += n
	}
	return n, err
}

func (in *input) open() (io.ReadCloser, error) { return os.Open(in.path) }

func (in *input) close() {
	if in.copy {
		_ = os.Remove(in.path) // in the system's temporary directory: it is cleaned anyway
	}
}
