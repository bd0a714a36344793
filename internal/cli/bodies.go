package cli

import (
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"graphpatch/internal/jobs"
)

// StoreBodies is the flag of a command that records what goes over the wire for the one tenant of the flags.
type StoreBodies struct {
	StoreBodies string `enum:"full,redacted,none" default:"full" env:"GRAPHPATCH_STORE_BODIES" placeholder:"full|redacted|none" help:"What is kept of requests' and answers' bodies: all, all with names as keyed hashes (the key is GRAPHPATCH_PSEUDONYM_KEY), or nothing (default ${default})."`
}

// PseudonymKey is the variable with the key by which names are hashed.
const PseudonymKey = "GRAPHPATCH_PSEUDONYM_KEY"

// Keep has what is served keep bodies as the flag says, or as the entries of the file do, which nothing may contradict.
func (b StoreBodies) Keep(served []Served) error {
	key := os.Getenv(PseudonymKey)
	for i := range served {
		switch s := &served[i]; {
		case s.Name == "":
			s.storeBodies = b.StoreBodies
			if key != "" {
				s.pseudonymKey = secretPlace{env: PseudonymKey, at: "the environment"}
			}
		case b.StoreBodies != jobs.FullBodies:
			return contradiction("--store-bodies (GRAPHPATCH_STORE_BODIES)")
		}
	}
	return nil
}

// bodies is what is kept of bodies. The key is read here.
func (s Served) bodies() (b jobs.Bodies, err error) {
	var key string
	if s.pseudonymKey != (secretPlace{}) {
		if key, err = s.pseudonymKey.read(); err != nil {
			return b, err
		}
	}
	kept := s.storeBodies
	if kept == "" {
		kept = jobs.FullBodies
	}
	if kept == jobs.RedactedBodies && key == "" && s.Name == "" {
		return b, errors.New("--store-bodies redacted: set " + PseudonymKey + " to a key that you keep")
	}
	if b, err = jobs.NewBodies(kept, key); err != nil {
		return b, fmt.Errorf("store-bodies: %w", err)
	}
	return b, nil
}

// storing reads what an entry says about bodies.
func (r *fileReader) storing(s *Served) []key {
	return []key{
		{"store-bodies", false, func(v *yaml.Node) {
			s.storeBodies = r.oneOf(v, "store-bodies", []string{jobs.FullBodies, jobs.RedactedBodies, jobs.NoBodies})
		}},
		{"pseudonym-key", false, func(v *yaml.Node) { s.pseudonymKey = r.secret(v, "pseudonym-key", PseudonymKey) }},
	}
}
