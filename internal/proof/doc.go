// Package proof says what stands under a digest and how it is worked out: the leaves of rows and events, and the chain that
// each run's commits make. It is pure; docs/proof.md tells the same to whoever checks it with other tools.
//
// A value is encoded as Postgres sends it in binary, with its length before it as in COPY's binary format. Whoever writes
// has the bytes back from the INSERT, whoever verifies from a SELECT, so the two cannot disagree about rounding or NULL.
package proof
