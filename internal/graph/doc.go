// Package graph speaks with Microsoft Graph: one method per question, one HTTP request per call, one Exchange back,
// also when there was an error. It owns the clouds, the URL of every route, the meaning of every answer, Retry-After,
// the credentials and the tokens they give.
//
// It never retries, never sleeps and never logs: when a row comes again is decided by the queue. A login that failed is
// made again when somebody next asks for a token, and not before the login service may be asked.
package graph
