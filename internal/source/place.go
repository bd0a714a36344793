package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// ReadAddress finds a database's URL: in a variable, env:NAME, in a file, file:PATH, or in the text itself. One with a password is not taken from the command line, which every user of the
// machine can read.
func ReadAddress(place string) (*Address, error) {
	if name, ok := strings.CutPrefix(place, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set || value == "" {
			return nil, fmt.Errorf("the environment variable %q is not set", name)
		}
		return ParseAddress(value)
	}
	if path, ok := strings.CutPrefix(place, "file:"); ok {
		text, err := readSmall(path, maxAddress)
		if err != nil {
			return nil, err
		}
		return ParseAddress(strings.TrimSpace(text))
	}
	if HasPassword(place) {
		return nil, errors.New("a URL with a password would be seen by everybody on this machine: put it into a variable and write env:NAME, or into a file and write file:PATH")
	}
	return ParseAddress(place)
}

// maxAddress is more than any URL has.
const maxAddress = 16 << 10

// ReadQuery reads a query, without the byte order mark that editors of queries like to write.
func ReadQuery(path string) (string, error) {
	text, err := readSmall(path, MaxQuery)
	return strings.TrimPrefix(text, "\ufeff"), err
}

// readSmall reads a file, but not without end: it may be another one than was meant.
func readSmall(path string, most int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return string(text), err
}
