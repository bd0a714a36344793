package entra

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// refusal is an answer in Entra's form of an OAuth error.
type refusal struct {
	status  int
	oauth   string // the OAuth error
	number  int    // of AADSTS
	text    string
	headers map[string]string
}

// The words are Entra's, as its documentation and its answers have them; %s is
// filled in by about.
var (
	wrongSecret       = refusal{status: 401, oauth: "invalid_client", number: 7000215, text: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."}
	expiredSecret     = refusal{status: 401, oauth: "invalid_client", number: 7000222, text: "The provided client secret keys for the app are expired. Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security."}
	noCredential      = refusal{status: 401, oauth: "invalid_client", number: 7000218, text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
	malformed         = refusal{status: 400, oauth: "invalid_request", number: 50027, text: "JWT token is invalid or malformed."}
	outsideTime       = refusal{status: 401, oauth: "invalid_client", number: 700024, text: "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s."}
	wrongAudience     = refusal{status: 401, oauth: "invalid_client", number: 700023, text: "Client assertion audience claim does not match Realm issuer."}
	wrongSubject      = refusal{status: 401, oauth: "invalid_client", number: 700021, text: "Client assertion application identifier doesn't match 'client_id' parameter."}
	unknownKey        = refusal{status: 401, oauth: "invalid_client", number: 700027, text: "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]"}
	badSignature      = refusal{status: 401, oauth: "invalid_client", number: 700027, text: "Client assertion failed signature validation. [Reason - The key was found, but use of the key to verify the signature failed.]"}
	unknownFederation = refusal{status: 400, oauth: "invalid_request", number: 70021, text: "No matching federated identity record found for presented assertion. Assertion Issuer: '%s'. Assertion Subject: '%s'. Assertion Audience: '%s'."}

	unknownTenant   = refusal{status: 400, oauth: "invalid_request", number: 90002, text: "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."}
	unknownApp      = refusal{status: 400, oauth: "unauthorized_client", number: 700016, text: "Application with identifier '%s' was not found in the directory 'Simulated'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."}
	unknownResource = refusal{status: 400, oauth: "invalid_resource", number: 500011, text: "The resource principal named %s was not found in the tenant named Simulated. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."}
	badScope        = refusal{status: 400, oauth: "invalid_scope", number: 70011, text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid."}
	noConsent       = refusal{status: 400, oauth: "invalid_grant", number: 65001, text: "The user or administrator has not consented to use the application with ID '%s'. Send an interactive authorization request for this user and resource."}
	badGrant        = refusal{status: 400, oauth: "unsupported_grant_type", number: 70003, text: "The app requested an unsupported grant type '%s'."}
	badRequest      = refusal{status: 400, oauth: "invalid_request", number: 90023, text: "%s"}

	pending     = refusal{status: 400, oauth: "authorization_pending", number: 70016, text: "OAuth 2.0 device flow error. Authorization is pending. Continue polling."}
	slowDown    = refusal{status: 400, oauth: "slow_down", number: 1002023, text: "The device is polling too often. Slow down."}
	declined    = refusal{status: 400, oauth: "authorization_declined", number: 70018, text: "The end user has denied the authorization request."}
	expiredCode = refusal{status: 400, oauth: "expired_token", number: 70020, text: "The provided value for the input parameter 'device_code' is not valid. This device code has expired."}
	unknownCode = refusal{status: 400, oauth: "bad_verification_code", number: 70000, text: "The provided value for the input parameter 'device_code' is not valid."}
	deadRefresh = refusal{status: 400, oauth: "invalid_grant", number: 50173, text: "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."}

	tooMany     = refusal{status: 429, oauth: "temporarily_unavailable", number: 90055, text: "There are too many incoming requests."}
	transient   = refusal{status: 503, oauth: "temporarily_unavailable", number: 90033, text: "A transient error has occurred. Please try again."}
	noDiscovery = refusal{status: 404, oauth: "invalid_request", number: 90019, text: "No tenant-identifying information found in either the request or implied by any provided credentials."}
)

// Error makes a refusal an error, so that the steps of an exchange can end it.
func (r refusal) Error() string { return fmt.Sprintf("AADSTS%d: %s", r.number, r.text) }

func (r refusal) about(values ...any) refusal {
	r.text = fmt.Sprintf(r.text, values...)
	return r
}

func (r refusal) as(status int) refusal {
	r.status = status
	return r
}

func (r refusal) with(header, value string) refusal {
	r.headers = maps.Clone(r.headers)
	if r.headers == nil {
		r.headers = map[string]string{}
	}
	r.headers[header] = value
	return r
}

// oauthError is the wire form of a refusal.
type oauthError struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
}

// write answers with the refusal. The correlation id is the client's own, if it
// sent one.
func (r refusal) write(w http.ResponseWriter, correlationID string, now time.Time) {
	wire := oauthError{
		Error: r.oauth, Codes: []int{r.number}, Timestamp: now.UTC().Format("2006-01-02 15:04:05Z"),
		TraceID: uuid.NewString(), CorrelationID: correlationID,
		URI: "https://login.microsoftonline.com/error?code=" + strconv.Itoa(r.number),
	}
	wire.Description = fmt.Sprintf("%s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", r.Error(), wire.TraceID, wire.CorrelationID, wire.Timestamp)
	for name, value := range r.headers {
		w.Header().Set(name, value)
	}
	writeJSON(w, r.status, wire)
}

// name is how the log calls it.
func (r refusal) name() string { return "AADSTS" + strconv.Itoa(r.number) }
