package graphsim

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody is the largest body taken, before and after decompression.
const maxBody = 1 << 20

// readBody reads whatever was sent, so that the log has it even if the request
// is refused for something else. What it says is wrong comes up only later.
func (x *exchange) readBody() error {
	sent := http.MaxBytesReader(nil, x.request.Body, maxBody)
	switch encoding := x.logged.ContentEncoding; strings.ToLower(encoding) {
	case "", "identity":
		return x.readFrom(sent)
	case "gzip":
		unzipped, err := gzip.NewReader(sent)
		if err != nil {
			return bodyProblem(err)
		}
		return x.readFrom(unzipped)
	default:
		return unsupportedMedia("The content encoding '" + encoding + "' is not supported.")
	}
}

// readFrom keeps what it could read. One byte more than allowed shows a body
// that became too large by decompression.
func (x *exchange) readFrom(source io.Reader) (err error) {
	x.body, err = io.ReadAll(io.LimitReader(source, maxBody+1))
	if err == nil && len(x.body) > maxBody {
		x.body = x.body[:maxBody]
		err = &http.MaxBytesError{Limit: maxBody}
	}
	return bodyProblem(err)
}

func bodyProblem(err error) error {
	if err == nil {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return problem{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge", message: "The request body exceeds 1 MiB."}
	}
	return badRequest("The request body could not be read.")
}

func unsupportedMedia(message string) error {
	return problem{status: http.StatusUnsupportedMediaType, code: "UnsupportedMediaType", message: message}
}

func notAcceptable() error {
	return problem{status: http.StatusNotAcceptable, code: "NotAcceptable", message: "A supported MIME type could not be found that matches the acceptable MIME types for the request."}
}

// checkMedia wants JSON in and agrees to JSON out. Parameters such as a charset
// or odata.metadata are accepted and change nothing.
func checkMedia(h http.Header) error {
	contentType := h.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return unsupportedMedia("A supported MIME type could not be found that matches the content type of the request. The content type '" + contentType + "' is not supported.")
	}
	if !acceptsJSON(h.Values("Accept")) {
		return notAcceptable()
	}
	return nil
}

// acceptsJSON looks through all ranges of all Accept headers; none at all
// accepts everything.
func acceptsJSON(accept []string) bool {
	for _, r := range strings.Split(strings.Join(accept, ","), ",") {
		media, _, _ := strings.Cut(r, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/json", "application/*", "*/*":
			return true
		}
	}
	return len(accept) == 0
}
