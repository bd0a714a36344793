package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// secrets are what a run works with and must nowhere write down, by their names.
type secrets map[string]string

// found names the secrets in a text. A secret may also stand there escaped, or in base64 as Authorization: Basic has it.
func (s secrets) found(text string) (names []string) {
	for name, secret := range s {
		if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
