package cli

import (
	"regexp"

	"go.yaml.in/yaml/v3"
)

// credential reads what an entry logs in with, exactly one kind.
func (r *fileReader) credential(value *yaml.Node) (c credential) {
	c.variables = map[string]string{}
	use := func(kind string, needsApp bool) { c.variables["AZURE_TOKEN_CREDENTIALS"], c.needsApp = kind, needsApp }
	r.one(value, "credential", []key{
		{"secret", false, func(v *yaml.Node) {
			use("EnvironmentCredential", true)
			c.secrets = append(c.secrets, r.secret(v, "secret", "AZURE_CLIENT_SECRET"))
		}},
		{"certificate", false, func(v *yaml.Node) {
			use("EnvironmentCredential", true)
			r.certificate(v, &c)
		}},
		{"federated-token", false, func(v *yaml.Node) {
			use("WorkloadIdentityCredential", true)
			r.mapping(v, "federated-token", []key{{"file", true, func(v *yaml.Node) {
				c.variables["AZURE_FEDERATED_TOKEN_FILE"] = r.path(v, "file")
			}}})
		}},
		{"managed-identity", false, func(v *yaml.Node) {
			use("ManagedIdentityCredential", false)
			r.isTrue(v, "managed-identity")
		}},
		{"device-code", false, func(v *yaml.Node) {
			use("DeviceCodeCredential", true)
			r.isTrue(v, "device-code")
		}},
		{"token", false, func(v *yaml.Node) { c.secrets = append(c.secrets, r.secret(v, "token", "GRAPH_ACCESS_TOKEN")) }},
	})
	return c
}

func (r *fileReader) certificate(value *yaml.Node, c *credential) {
	r.mapping(value, "certificate", []key{
		{"file", true, func(v *yaml.Node) { c.variables["AZURE_CLIENT_CERTIFICATE_PATH"] = r.path(v, "file") }},
		{"password", false, func(v *yaml.Node) {
			c.secrets = append(c.secrets, r.secret(v, "password", "AZURE_CLIENT_CERTIFICATE_PASSWORD"))
		}},
	})
}

// variableForm is how a variable may be called.
var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secret reads where a secret is. One that stands in the file is a fault which does not repeat it.
func (r *fileReader) secret(value *yaml.Node, what, variable string) secretPlace {
	p := secretPlace{variable: variable, at: r.at(value)}
	if target(value).Kind != yaml.MappingNode {
		r.fault(value, "%s must not stand in this file: write {env: NAME} or {file: PATH}", what)
		return p
	}
	r.one(value, what, []key{
		{"env", false, func(v *yaml.Node) {
			if p.env = r.text(v, "env"); p.env != "" && !variableForm.MatchString(p.env) {
				r.fault(v, "env is no name of a variable: use letters, digits and _; the secret itself must not stand in this file")
			}
		}},
		{"file", false, func(v *yaml.Node) { p.file = r.path(v, "file") }},
	})
	return p
}

func (r *fileReader) isTrue(value *yaml.Node, what string) {
	if v := target(value); v.Kind != yaml.ScalarNode || v.Value != "true" {
		r.fault(value, "%s must be true; without it, leave it out", what)
	}
}
