package graphsim

import (
	"net/http"
)

// statusObject is the whole status as Graph returns it.
type statusObject struct {
	Context string `json:"@odata.context,omitempty"`
	Type    string `json:"@odata.type"`
	ID      string `json:"id"`
	Properties
}

// patch validates, applies and answers with the status as it is afterwards.
func (x *exchange) patch(target route) (answer, error) {
	if err := checkMedia(x.request.Header); err != nil {
		return answer{}, err
	}
	p, err := parsePatch(x.body, target.statusID)
	if err != nil {
		return answer{}, err
	}
	rules := updateRules{create: !x.config.Strict, mustChange: x.config.NoOp400, forget: x.fault.forgets}
	after, err := x.world.store.update(target.key, target.statusID, p, rules, x.at)
	if err != nil {
		return answer{}, err
	}
	x.logged.Applied = !rules.forget
	return x.showStatus(target, after), nil
}

func (x *exchange) showStatus(target route, properties Properties) answer {
	return answer{status: http.StatusOK, body: mustMarshal(statusObject{
		Context: x.context(target, "userStatuses/$entity"), Type: odataType, ID: target.statusID, Properties: properties,
	})}
}

// context is the @odata.context of what a route addresses.
func (x *exchange) context(target route, what string) string {
	path := "deviceManagement/deviceConfigurations('" + target.key.configuration + "')" + target.key.navigation
	if target.key.certificateID != "" {
		path += "('" + target.key.certificateID + "')"
	}
	return x.root() + "/" + target.version + "/$metadata#" + path + "/" + what
}

// root is the scheme and host by which the client reached us, because links
// must lead back the same way.
func (x *exchange) root() string {
	scheme := "http://"
	if x.request.TLS != nil {
		scheme = "https://"
	}
	return scheme + x.request.Host
}
