package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"graphpatch/internal/source"
)

// skippedFile is the file of --skip-invalid. It is written beside its place and put there only when the rest is
// enqueued: a refused import leaves nothing behind.
type skippedFile struct {
	path   string // "": there is none
	file   *os.File
	writer *source.SkippedWriter
}

// create refuses to overwrite: the file may hold rows that somebody is still correcting.
func (s *skippedFile) create() (err error) {
	if s.path == "" {
		return nil
	}
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--skip-invalid %s: the file exists; move it away or name another", s.path)
	}
	s.file, err = os.CreateTemp(filepath.Dir(s.path), ".graphpatch-skipped-*")
	if err != nil {
		return fmt.Errorf("--skip-invalid: %w", err)
	}
	return nil
}

func (s *skippedFile) begin(sum *source.Summary) {
	if s.file != nil {
		s.writer = source.NewSkippedWriter(s.file, sum)
	}
}

// write takes one bad row of the second pass.
func (s *skippedFile) write(row source.BadRow) error { return s.writer.Write(row) }

// keep puts the file in its place. Without a skipped row there is none.
func (s *skippedFile) keep() error {
	if err := s.put(); err != nil {
		return fmt.Errorf("the skipped rows could not be written: %w", err)
	}
	return nil
}

func (s *skippedFile) put() error {
	if s.file == nil {
		return nil
	}
	if err := s.writer.Flush(); err != nil {
		return err
	}
	info, err := s.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	if err := errors.Join(s.file.Sync(), s.file.Close()); err != nil {
		return err
	}
	return os.Rename(s.file.Name(), s.path)
}

// abandon removes what was not put in its place.
func (s *skippedFile) abandon() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}
