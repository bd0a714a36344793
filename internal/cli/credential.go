package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// credential is what an entry of a file logs in with, in the variables of Azure's SDKs: so that there is one way to choose
// and to explain credentials, whoever names them.
type credential struct {
	variables map[string]string // which hold no secret
	secrets   []secretPlace
	needsApp  bool // the client id
}

// secretPlace is where a secret is to be found, because none stands in the file itself.
type secretPlace struct {
	variable  string // what it becomes
	at        string // where the file says so
	env, file string // one of them
}

// names reports whether a secret comes from that variable.
func (c credential) names(variable string) bool {
	return slices.ContainsFunc(c.secrets, func(p secretPlace) bool { return p.env == variable })
}

// read returns all variables, the secrets among them.
func (c credential) read() (map[string]string, error) {
	all := map[string]string{}
	for name, value := range c.variables {
		all[name] = value
	}
	var faults []error
	for _, place := range c.secrets {
		secret, err := place.read()
		if err != nil {
			faults = append(faults, err)
		}
		all[place.variable] = secret
	}
	return all, errors.Join(faults...)
}

func (p secretPlace) read() (string, error) {
	if p.env != "" {
		secret := os.Getenv(p.env)
		if secret == "" {
			return "", fmt.Errorf("the variable %s, named in %s, is not set", p.env, p.at)
		}
		return secret, nil
	}
	text, err := os.ReadFile(p.file)
	if err != nil {
		return "", fmt.Errorf("the secret named in %s: %w", p.at, err)
	}
	// Editors end a file with a line; secrets have none.
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("the secret named in %s: %s is empty", p.at, p.file)
	}
	return secret, nil
}
