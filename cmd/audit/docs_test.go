package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
)

// What docs/audit.md tells people to write is understood, by the program and by the database.
func TestQuestionsOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := written(t)
	conn, err := pgx.Connect(t.Context(), p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	commands, statements := 0, 0
	for _, block := range regexp.MustCompile("(?s)```(sh|sql)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if block[1] == "sql" {
			statements++
			if _, err := conn.Exec(t.Context(), block[2]); err != nil {
				t.Errorf("%v: %s", err, block[2])
			}
			continue
		}
		for line := range strings.Lines(block[2]) {
			commands++
			command, _, _ := strings.Cut(line, "#")
			args := strings.Fields(command)
			parser, err := kong.New(&grammar{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(args[1:]); args[0] != "audit" || err != nil {
				t.Errorf("%s: %v", command, err)
			}
		}
	}
	if commands < 12 || statements < 12 {
		t.Errorf("%d commands and %d statements", commands, statements)
	}
}
