package graphsim

import (
	"strings"
	"sync"
	"time"
)

// store holds every status. Locks are held for a look-up and a copy, never for
// JSON.
type store struct {
	mu          sync.RWMutex
	collections map[collectionKey]*collection
	order       []collectionKey // by first insertion, so that dumps are stable
	total       int
}

// collection keeps its statuses in the order of insertion. None is ever taken
// out, so a position is a valid page token for ever.
type collection struct {
	items   []item
	index   map[string]int
	changed time.Time
}

type item struct {
	id         string
	properties Properties
}

func newStore() *store {
	return &store{collections: map[collectionKey]*collection{}}
}

// update applies a patch and returns what the status is now. Without create, a
// status that is not there stays so, and ok is false.
func (s *store) update(key collectionKey, id string, p *patch, create bool, now time.Time) (after Properties, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.find(key, id)
	if it == nil && !create {
		return Properties{}, false
	}
	if it == nil {
		it = s.insert(key, id)
	}
	p.apply(&it.properties)
	s.collections[key].changed = now
	return it.properties, true
}

// put places a status, replacing the one that may be there.
func (s *store) put(key collectionKey, id string, properties Properties, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.find(key, id)
	if it == nil {
		it = s.insert(key, id)
	}
	it.properties = properties
	s.collections[key].changed = now
}

func (s *store) find(key collectionKey, id string) *item {
	c := s.collections[key]
	if c == nil {
		return nil
	}
	i, ok := c.index[id]
	if !ok {
		return nil
	}
	return &c.items[i]
}

// insert clones its strings, which otherwise keep whole request lines alive.
func (s *store) insert(key collectionKey, id string) *item {
	c := s.collections[key]
	if c == nil {
		key = collectionKey{strings.Clone(key.configuration), strings.Clone(key.navigation), strings.Clone(key.certificateID)}
		c = &collection{index: map[string]int{}}
		s.collections[key] = c
		s.order = append(s.order, key)
	}
	id = strings.Clone(id)
	c.index[id] = len(c.items)
	c.items = append(c.items, item{id: id, properties: newProperties()})
	s.total++
	return &c.items[len(c.items)-1]
}

func (s *store) get(key collectionKey, id string) (Properties, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	it := s.find(key, id)
	if it == nil {
		return Properties{}, false
	}
	return it.properties, true
}

// page copies at most size items from a position on; more says whether any
// follow.
func (s *store) page(key collectionKey, from, size int) (items []item, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.collections[key]
	if c == nil || from >= len(c.items) {
		return nil, false
	}
	end := min(from+size, len(c.items))
	return append(items, c.items[from:end]...), end < len(c.items)
}

// tally counts a collection's statuses by their value.
func (s *store) tally(key collectionKey) (byStatus map[string]int, changed time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	byStatus = map[string]int{}
	c := s.collections[key]
	if c == nil {
		return byStatus, time.Time{}
	}
	for i := range c.items {
		byStatus[c.items[i].properties.Status]++
	}
	return byStatus, c.changed
}

// statuses copies those of one configuration, or all of them for "".
func (s *store) statuses(configuration string) []Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []Status{}
	for _, key := range s.order {
		if configuration != "" && key.configuration != configuration {
			continue
		}
		for _, it := range s.collections[key].items {
			all = append(all, Status{key.configuration, key.navigation, key.certificateID, it.id, it.properties})
		}
	}
	return all
}

func (s *store) size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.total
}
