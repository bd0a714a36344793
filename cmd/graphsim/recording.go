package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"graphpatch/internal/graphsim"
)

// playedFile is the file of --from-audit. It is read for as long as the simulator runs.
type playedFile struct {
	file      *os.File // nil: there is none
	recording *graphsim.Recording
}

// openRecording reads the file; "" is none. What is wrong with it is wrong usage.
func openRecording(path string) (*playedFile, error) {
	if path == "" {
		return &playedFile{}, nil
	}
	wrong := func(err error) error { return usageError{inFlag("from-audit", err)} }
	file, err := os.Open(path)
	if err != nil {
		return nil, wrong(err)
	}
	p := &playedFile{file: file}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("this is no file, and answers are read again when they are played")
	}
	if err == nil {
		p.recording, err = graphsim.ReadRecording(file, info.Size())
	}
	if err != nil {
		p.close()
		return nil, wrong(fmt.Errorf("%s: %w", path, err))
	}
	return p, nil
}

func (p *playedFile) close() {
	if p.file != nil {
		_ = p.file.Close() // it was only read
	}
}

// tell says what is played.
func (p *playedFile) tell(stderr io.Writer) {
	if p.recording != nil {
		fmt.Fprintf(stderr, "graphsim plays back %d answers; %d events of the file are none\n", p.recording.Answers(), p.recording.Ignored())
	}
}
