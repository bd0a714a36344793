// Package house holds tests about the tree itself: who imports whom, that every
// dependency is accounted for, and that docker-compose.yml says what we mean.
// There is nothing to import here.
package house
