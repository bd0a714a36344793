package graphsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// problem is a refusal: an HTTP status with what Graph says about it.
type problem struct {
	status        int
	code, message string
	intune        bool              // message comes as JSON inside the string, as Intune's do
	twice         bool              // and that once more inside another
	inner         string            // "Please retry after" and the like; adds code and status to innerError
	headers       map[string]string // further response headers
}

// Error makes a problem an error, so that the steps of an exchange can end it.
func (p problem) Error() string {
	return fmt.Sprintf("%d %s: %s", p.status, p.code, p.message)
}

const (
	intuneMessage = "An error has occurred"
	noRouteCode   = "No method match route template"
)

func badRequest(format string, args ...any) error {
	return problem{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf(format, args...)}
}

func tooManyRequests() problem {
	return problem{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Please retry again later.", inner: "Please retry after"}
}

func unauthorized(message string) error {
	return problem{
		status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: message,
		headers: map[string]string{"WWW-Authenticate": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`},
	}
}

func nothingChanged() error {
	return badRequest("Invalid patch, at least 1 property must be changed.")
}

func notFound() error {
	return problem{status: http.StatusNotFound, code: "ResourceNotFound", message: "The requested resource was not found", intune: true}
}

// noRoute is what the service answers when no controller takes the request.
func noRoute(method string) error {
	return problem{
		status: http.StatusBadRequest, code: noRouteCode, intune: true,
		message: "No OData route exists that match template ~/singleton/navigation/key/navigation with http verb " + method,
	}
}

func unknownSegment(segment string) error {
	return badRequest("Resource not found for the segment '%s'.", segment)
}

// odataError is the wire form of a problem.
type odataError struct {
	Error struct {
		Code       string     `json:"code"`
		Message    string     `json:"message"`
		InnerError innerError `json:"innerError"`
	} `json:"error"`
}

type innerError struct {
	Code            string `json:"code,omitempty"`
	Date            string `json:"date"` // without a zone, as Graph sends it
	Message         string `json:"message,omitempty"`
	RequestID       string `json:"request-id"`
	ClientRequestID string `json:"client-request-id"`
	Status          string `json:"status,omitempty"`
}

// body renders the problem as an OData error.
func (p problem) body(requestID, clientRequestID string, now time.Time) []byte {
	var wire odataError
	wire.Error.Code = p.code
	wire.Error.Message = p.message
	if p.intune {
		wire.Error.Message = inIntuneForm(forCustomerSupport(p.message, requestID))
	}
	if p.twice {
		wire.Error.Message = inIntuneForm(wire.Error.Message)
	}
	wire.Error.InnerError = innerError{
		Date: now.UTC().Format("2006-01-02T15:04:05"), RequestID: requestID, ClientRequestID: clientRequestID,
	}
	if p.inner != "" {
		status := fmt.Sprint(p.status)
		wire.Error.InnerError.Code, wire.Error.InnerError.Message, wire.Error.InnerError.Status = status, p.inner, status
	}
	return mustMarshal(wire)
}

// forCustomerSupport adds the ids that Intune's support asks for.
func forCustomerSupport(message, activityID string) string {
	return fmt.Sprintf("%s - Operation ID (for customer support): %s - Activity ID: %s - Url: https://fef.amsub0102.manage.microsoft.com/DeviceConfiguration_2611/StatelessDeviceConfigurationFEService/deviceManagement/deviceConfigurations",
		message, uuid.Nil, activityID)
}

// inIntuneForm wraps a message the way Intune's own services do: JSON in a
// string.
func inIntuneForm(message string) string {
	return string(mustMarshal(struct {
		Version              int     `json:"_version"`
		Message              string  `json:"Message"`
		CustomAPIErrorPhrase string  `json:"CustomApiErrorPhrase"`
		RetryAfter           *string `json:"RetryAfter"`
		ErrorSourceService   string  `json:"ErrorSourceService"`
		HTTPHeaders          string  `json:"HttpHeaders"`
	}{Version: 3, Message: message, HTTPHeaders: "{}"}))
}

// mustMarshal is for values made of strings and numbers, which cannot fail.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
