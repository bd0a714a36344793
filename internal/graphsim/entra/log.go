package entra

import "time"

// Login is one request for a token, or for a device code, as the log keeps it.
type Login struct {
	Seq         uint64    `json:"seq"` // from 1
	At          time.Time `json:"at"`  // by the service's clock
	Host        string    `json:"host"`
	Tenant      string    `json:"tenant"` // as in the path; "" for a managed identity
	ClientID    string    `json:"clientId"`
	Grant       string    `json:"grant"`
	Scope       string    `json:"scope"`                 // of a managed identity, the resource
	Credential  string    `json:"credential"`            // secret, certificate, federated, device, refresh, imds, appservice, azureml, cloudshell; "" for none
	SecretID    string    `json:"secretId,omitempty"`    // 16 hex digits of its SHA-256; of the secret, device code or refresh token
	AssertionID string    `json:"assertionId,omitempty"` // likewise
	Claims      string    `json:"claims,omitempty"`      // asked for, as JSON
	Status      int       `json:"status"`                // 0: no answer was given
	Error       string    `json:"error,omitempty"`       // AADSTS and a number, or a managed identity's word
	Fault       string    `json:"fault,omitempty"`       // the kind of the fault it met
	TokenID     string    `json:"tokenId,omitempty"`     // of the token given out
}

// keepLogins is how many are kept: a client that logs in that often has made
// its point.
const keepLogins = 100_000

// record appends to the log under the next seq and counts.
func (s *state) record(l Login) {
	s.lastSeq++
	l.Seq = s.lastSeq
	if len(s.logins) >= 2*keepLogins {
		s.logins = append([]Login(nil), s.logins[len(s.logins)-keepLogins:]...)
	}
	s.logins = append(s.logins, l)
	switch {
	case l.TokenID != "":
		s.granted++
	case l.Status < 200 || l.Status > 299 || l.Fault != "":
		s.refused++
	}
}

// Logins returns what is in the log after seq, oldest first.
func (s *Service) Logins(seq uint64) []Login {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.state.logins[max(0, len(s.state.logins)-keepLogins):]
	oldest := s.state.lastSeq - uint64(len(kept)) // the seq before the first
	skip := max(seq, oldest) - oldest
	return append([]Login(nil), kept[min(skip, uint64(len(kept))):]...)
}

// Counts returns how many requests were answered with a token, and how many
// with an error or not at all. Device codes given out are neither.
func (s *Service) Counts() (logins, failures uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.granted, s.state.refused
}
