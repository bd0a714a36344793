package graph

import (
	"encoding/json"
	"errors"
	"strings"
)

// maxUnwrap is how often Intune has been seen to wrap an error into the message of another, and one more.
const maxUnwrap = 3

// explainError returns "code: message" of an OData error, unwrapped for a person; empty when body is none.
func explainError(body []byte) string {
	var answer struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	err := json.Unmarshal(body, &answer)
	if _, odd := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !odd {
		return ""
	}
	// A member of an odd type, such as a code that is a number, does not make the others worthless.
	message := unwrapMessage(answer.Error.Message)
	switch code := answer.Error.Code; {
	case code == "":
		return message
	case message == "":
		return code
	default:
		return code + ": " + message
	}
}

// unwrapMessage takes the innermost message out of messages that are themselves JSON, which is how Intune answers.
func unwrapMessage(message string) string {
	for range maxUnwrap {
		var inner struct{ Message string }
		if !strings.HasPrefix(strings.TrimSpace(message), "{") || json.Unmarshal([]byte(message), &inner) != nil || inner.Message == "" {
			break
		}
		message = inner.Message
	}
	return message
}
