package graphsim

import "sync"

// mischief is everything that befalls requests on purpose.
type mischief struct {
	mu     sync.Mutex
	script []actedRule
	dice   *dice
}

// newMischief takes faults that were checked.
func newMischief(faults []Fault, script Script, seed uint64) *mischief {
	return &mischief{script: script.act(), dice: newDice(faults, seed)}
}

// befall returns the fault that a request meets, if any. The script decides
// first, also that a request meets none.
func (m *mischief) befall(s subject) (faultKind, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.dice.draw()
	for i := range m.script {
		if kind, decided := m.script[i].next(s); decided {
			return kind, kind.name != ""
		}
	}
	return m.dice.roll(s, u)
}
