package entra

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// source is one of the places from which a machine in Azure gets tokens for its
// managed identity.
type source struct {
	name         string
	method, path string
	version      string // the only api-version; "" asks for none
	header       string // that must be sent, so that no page in a browser can ask
	secret       bool   // its value is the identity header's, otherwise "true"
	clientID     string // the parameter that names a user-assigned identity; "" takes none
}

// sources are those that need no more than an address. Azure Arc proves itself
// by a file in a directory of the system, and Service Fabric by the fingerprint
// of its certificate.
var sources = []source{
	{name: "imds", method: http.MethodGet, path: "/metadata/identity/oauth2/token", version: "2018-02-01", header: "Metadata", clientID: "client_id"},
	{name: "appservice", method: http.MethodGet, path: "/msi/token", version: "2019-08-01", header: "X-IDENTITY-HEADER", secret: true, clientID: "client_id"},
	{name: "azureml", method: http.MethodGet, path: "/msi/ml", version: "2017-09-01", header: "secret", secret: true, clientID: "clientid"},
	{name: "cloudshell", method: http.MethodPost, path: "/msi/shell", header: "Metadata"},
}

// otherNames are further ways to name an identity. The one here has none of
// them, so they never find it.
var otherNames = []string{"object_id", "principal_id", "msi_res_id", "mi_res_id"}

func (s *Service) identityRoutes() http.Handler {
	mux := http.NewServeMux()
	for _, from := range sources {
		mux.HandleFunc(from.method+" "+from.path, func(w http.ResponseWriter, r *http.Request) { s.serveIdentity(w, r, from) })
	}
	return mux
}

// IsIdentity reports whether a path belongs to a managed identity.
func IsIdentity(path string) bool {
	return strings.HasPrefix(path, "/metadata/") || strings.HasPrefix(path, "/msi/")
}

// identityAnswer has its numbers as strings, as the services do.
type identityAnswer struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	ExpiresIn    string `json:"expires_in"`
	ExpiresOn    string `json:"expires_on"` // Unix seconds
	ExtExpiresIn string `json:"ext_expires_in"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	Type         string `json:"token_type"`
}

func (s *Service) serveIdentity(w http.ResponseWriter, r *http.Request, from source) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	x := &exchange{service: s, at: s.now(), form: r.Form}
	x.logged = Login{
		At: x.at, Host: r.Host, ClientID: x.form.Get(from.clientID), Grant: "managed_identity",
		Scope: x.form.Get("resource"), Credential: from.name,
	}
	s.mu.Lock()
	kind, hit := s.state.meet(from.name)
	var out identityAnswer
	refused := identityRefusal{}
	switch {
	case hit && kind.act == refuse:
		refused = identityRefusal{kind.refusal.status, kind.refusal.oauth, kind.refusal.text}
	case !hit:
		out, refused = x.forIdentity(from, r.Header.Get(from.header))
	}
	x.conclude(kind, nil)
	if refused.status != 0 {
		x.logged.Status, x.logged.Error = refused.status, refused.word
	}
	s.state.record(x.logged)
	s.mu.Unlock()
	switch {
	case hit && kind.act != refuse:
		misbehave(w, r, kind.act)
	case refused.status != 0:
		for name, value := range kind.refusal.headers {
			w.Header().Set(name, value)
		}
		writeJSON(w, refused.status, refused.body(from))
	default:
		writeJSON(w, http.StatusOK, out)
	}
}

// identityRefusal is a refusal in the words of a managed identity. The zero
// value is none.
type identityRefusal struct {
	status     int
	word, text string
}

// body has IMDS' form, or that of App Service and its kin.
func (r identityRefusal) body(from source) any {
	if from.secret {
		return map[string]any{"statusCode": r.status, "message": r.text, "correlationId": uuid.NewString()}
	}
	return map[string]string{"error": r.word, "error_description": r.text}
}

func (x *exchange) forIdentity(from source, header string) (identityAnswer, identityRefusal) {
	c := x.service.config
	want := "true"
	if from.secret {
		want = c.IdentityHeader
	}
	audience := strings.TrimRight(x.logged.Scope, "/")
	switch {
	case subtle.ConstantTimeCompare([]byte(header), []byte(want)) == 0 && from.secret:
		return identityAnswer{}, identityRefusal{http.StatusUnauthorized, "unauthorized", "The header '" + from.header + "' is missing or not the one of this machine."}
	case header != want:
		return identityAnswer{}, identityRefusal{http.StatusBadRequest, "invalid_request", "Required metadata header not specified"}
	case from.version != "" && x.form.Get("api-version") != from.version:
		return identityAnswer{}, identityRefusal{http.StatusBadRequest, "invalid_request", fmt.Sprintf("The api-version '%s' is not supported, there is '%s'", x.form.Get("api-version"), from.version)}
	case !isAudience(audience):
		return identityAnswer{}, identityRefusal{http.StatusBadRequest, "invalid_resource", fmt.Sprintf("AADSTS500011: The resource principal named %s was not found in the tenant named Simulated.", x.logged.Scope)}
	case !x.isIdentity(x.form, x.logged.ClientID):
		return identityAnswer{}, identityRefusal{http.StatusBadRequest, "invalid_request", "Identity not found"}
	}
	t := x.grant(Token{Audience: audience, Permissions: x.service.state.roles, managed: true})
	says := seconds(c.Says)
	return identityAnswer{
		AccessToken: t.AccessToken, ClientID: c.App, ExpiresIn: says, ExtExpiresIn: says,
		ExpiresOn: fmt.Sprint(x.at.Add(c.Says).Unix()), NotBefore: fmt.Sprint(x.at.Unix()), Resource: x.logged.Scope, Type: t.Type,
	}, identityRefusal{}
}

// isIdentity takes the machine's own identity, and the app by its id.
func (x *exchange) isIdentity(form url.Values, clientID string) bool {
	for _, name := range otherNames {
		if form.Get(name) != "" {
			return false
		}
	}
	return clientID == "" || strings.EqualFold(clientID, x.service.config.App)
}
