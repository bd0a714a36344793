package e2e

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"
)

// repeated is a text without end.
type repeated struct{ head, again string }

func (r *repeated) Read(p []byte) (n int, err error) {
	n = copy(p, r.head)
	r.head = r.head[n:]
	for n < len(p) {
		n += copy(p[n:], r.again)
	}
	return n, nil
}

// Whatever a file or a pipe holds, it is refused with exit code 2, in words that a terminal can be shown; nothing is
// enqueued, nothing stays on the disk, and the memory it takes has an end.
func TestHostileSources(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	k.env["TMPDIR"] = filepath.Join(k.dir, "tmp")
	if err := os.Mkdir(k.env["TMPDIR"], 0o700); err != nil {
		t.Fatal(err)
	}
	const header = "deviceConfigurationId,id,userDisplayName\n"
	for name, c := range map[string]struct {
		file  string
		stdin io.Reader
		want  string
	}{
		"empty":              {"", nil, "is empty"},
		"only a header":      {header, nil, "has no rows"},
		"NUL bytes":          {strings.Repeat("\x00", 4096), nil, "is no readable name of a column"},
		"invalid UTF-8":      {header + "c,s,\xff\xfe\xfd\n", nil, "is not valid UTF-8"},
		"lone surrogate":     {"\xff\xfei\x00d\x00\x00\xd8\n\x00", nil, "is no readable name of a column"},
		"mark in the middle": {header + "c,s,x\n\ufeffc,s,x\n", nil, "holds an invisible character"},
		"cell of 10 MB":      {header + "c,s," + strings.Repeat("n", 10<<20) + "\n", nil, "begins a record longer than 1 MiB"},
		"unclosed quote":     {header + "c,s,\"x\n" + strings.Repeat("c,s,x\n", 2<<20), nil, "begins a record longer than 1 MiB"},
		"100,000 columns":    {strings.Repeat("x,", 100_000) + "\n", nil, "has too many columns"},
		"one name for all":   {strings.Repeat("status,", 100_000) + "\n", nil, "has too many columns"},
		"escapes":            {header + "\x1b[2Jc,\x1b]8;;http://x\x07s,x\n\u009b31mc,\u202es,x\n", nil, "holds a control character"},
		"escapes in a name":  {"\x1b[2J\x1b[31mid,\u202estatus\n\x1b,\x1b\n", nil, `has no column`},
		"carriage returns":   {strings.ReplaceAll(header+"c,s,x\n", "\n", "\r"), nil, "a CR alone ends none"},
		"escape of a path":   {header + "../../users,..,x\n", nil, "is a path step, not an id"},
		"a long id":          {header + strings.Repeat("c", 257) + ",s,x\n", nil, "is longer than 256 bytes"},
		"endless line":       {"", &repeated{header, "x"}, "begins a record longer than 1 MiB"},
		"endless zeros":      {"", &repeated{"", "\x00"}, "begins a record longer than 1 MiB"},
		"endless wide line":  {"", &repeated{"\xff\xfei\x00d\x00\n\x00", "x\x00"}, "begins a record longer than 1 MiB"},
	} {
		file := "-"
		if c.stdin == nil {
			file = k.write("hostile.csv", c.file)
		}
		r := k.runWith(c.stdin, "enqueue", "csv", file)
		if r.code != 2 || !strings.Contains(r.stderr, c.want) || !strings.Contains(r.stderr, "Nothing was enqueued") || r.stdout != "" {
			t.Errorf("%s: %.2000s", name, r)
		}
		if odd := strings.IndexFunc(r.stderr, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }); odd >= 0 {
			t.Errorf("%s: a terminal is sent %.20q", name, r.stderr[odd:])
		}
		if len(r.stderr) > 8<<10 {
			t.Errorf("%s: %d bytes are said about it", name, len(r.stderr))
		}
		if r.peak > max(mostMemory, ownPeak()) {
			t.Errorf("%s: took %d MiB", name, r.peak>>20)
		}
	}
	if left, err := os.ReadDir(k.env["TMPDIR"]); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	var runs int
	if err := db.Conn(t).QueryRow(t.Context(), "SELECT count(*) FROM run").Scan(&runs); err != nil || runs != 0 {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// ownPeak is this process's, which Linux counts as a child's too, until that has become another program.
func ownPeak() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return bytesOf(usage.Maxrss)
}

// mostMemory is for a process of the race detector, which takes several times what another does.
const mostMemory = 512 << 20
