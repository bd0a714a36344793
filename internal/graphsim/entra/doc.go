// Package entra is the login service beside the simulated Graph: it gives out
// tokens the way Microsoft Entra ID does, by client secret, certificate,
// federated token, device code, refresh token and managed identity, and refuses
// in Entra's words.
//
// It owns one tenant with one app, the tokens given out, and a log of every
// request for one. What a token permits is Graph's to judge. It is a handler
// only: who listens, and with which TLS certificate, is said outside.
//
// It never shares code with a client, never reaches out to the network, and
// never keeps a secret, an assertion or a token where the log could show it.
package entra
