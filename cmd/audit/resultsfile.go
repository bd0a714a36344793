package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// resultsFile is the file that results are written to. It is written beside its place and put there only when it is whole.
type resultsFile struct {
	io.Writer
	path string
	file *os.File // nil: standard output
}

// createResults refuses to overwrite, unless it is forced; and what is no file in any case.
func createResults(path string, force bool, stdout io.Writer) (*resultsFile, error) {
	if path == "-" {
		return &resultsFile{Writer: stdout}, nil
	}
	info, err := os.Lstat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("--output %s: that is no file; - is standard output", path)
	case err == nil && !force:
		return nil, fmt.Errorf("--output %s: the file exists; name another, or use --force to replace it", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--output: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".graphpatch-results-*")
	if err != nil {
		return nil, fmt.Errorf("--output: %w", err)
	}
	return &resultsFile{Writer: file, path: path, file: file}, nil
}

// keep puts the file in its place.
func (f *resultsFile) keep() error {
	if f.file == nil {
		return nil
	}
	if err := errors.Join(f.file.Sync(), f.file.Close()); err != nil {
		return err
	}
	return os.Rename(f.file.Name(), f.path)
}

// abandon removes what was not put in its place.
func (f *resultsFile) abandon() {
	if f.file != nil {
		_ = f.file.Close()
		_ = os.Remove(f.file.Name())
	}
}
