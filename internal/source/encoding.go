package source

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
)

// encoding is how the bytes of a source are to be read as text.
type encoding struct {
	name  string
	mark  int // bytes of the byte order mark
	order unicode.Endianness
	wide  bool // UTF-16
}

var (
	utf8Plain  = encoding{name: "UTF-8"}
	utf8Marked = encoding{name: "UTF-8 with BOM", mark: 3}
	utf16LE    = encoding{name: "UTF-16LE", order: unicode.LittleEndian, wide: true}
	utf16BE    = encoding{name: "UTF-16BE", order: unicode.BigEndian, wide: true}
)

// sniffed is how many bytes are looked at: the header's names are ASCII, a few of them tell.
const sniffed = 512

// detect tells the encoding by its mark, or UTF-16 without one by where the NULs stand.
func detect(head []byte) encoding {
	marked := func(e encoding) encoding { e.mark = 2; return e }
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return utf8Marked
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return marked(utf16LE)
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return marked(utf16BE)
	}
	var nuls [2]int
	for i, b := range head {
		if b == 0 {
			nuls[i%2]++
		}
	}
	// Half of ASCII's bytes are NUL in UTF-16; a quarter leaves room for names in other scripts.
	few := len(head) / 8
	switch {
	case nuls[1] > few && nuls[0] <= few:
		return utf16LE
	case nuls[0] > few && nuls[1] <= few:
		return utf16BE
	}
	return utf8Plain
}

// decode returns r's text in UTF-8, without a mark. What is not valid UTF-8 already comes through as it is: the cell
// in which it stands is to be named.
func decode(r *bufio.Reader) (io.Reader, encoding, error) {
	head, err := r.Peek(sniffed)
	if err != nil && err != io.EOF {
		return nil, encoding{}, err
	}
	e := detect(head)
	if _, err := r.Discard(e.mark); err != nil {
		return nil, e, err
	}
	if !e.wide {
		return r, e, nil
	}
	return unicode.UTF16(e.order, unicode.IgnoreBOM).NewDecoder().Reader(r), e, nil
}
