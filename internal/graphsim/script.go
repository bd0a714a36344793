package graphsim

// Script is a list of rules that say which answers the requests that match them
// get, one after the other. Its zero value has none. It is made by ParseScript.
type Script struct {
	rules []rule
}

// rule is one entry of a script. Empty fields of match hold for every request.
type rule struct {
	match   subject
	answers []faultKind // one without a name is scriptOK
	times   int
	then    string
}

// scriptOK is the answer of a request that nothing befalls.
const scriptOK = "ok"

// afterTheLast are the words for what follows a rule's last answer.
var afterTheLast = []string{scriptOK, "repeat", "last"}

// ScriptHelp tells the form of a script.
const ScriptHelp = `# a list of rules
- match: {method: PATCH, route: root, configuration: c1, status: s1}
  answers: [503, reset, ok]   # kinds of faults, or ok, one for each request
  times: 2                    # play the answers so often; 1 if left out
  then: ok                    # afterwards ok, or repeat (all over again), or last (the last one for ever)
- answers: [429-bare]         # without match: every request that no rule above matched`

// concerns says whether the rule is the one to decide about a request that it
// would give this answer. One that makes no sense for the request waits for one
// for which it does.
func (r *rule) concerns(s subject, answer faultKind) bool {
	return (r.match.method == "" || r.match.method == s.method) &&
		(r.match.route == "" || r.match.route == s.route) &&
		(r.match.configuration == "" || r.match.configuration == s.configuration) &&
		(r.match.statusID == "" || r.match.statusID == s.statusID) &&
		answer.only.has(s)
}

// answer is the one that the n-th request gets, from 0.
func (r *rule) answer(n int) faultKind {
	if n < r.times*len(r.answers) || r.then == "repeat" {
		return r.answers[n%len(r.answers)]
	}
	if r.then == "last" {
		return r.answers[len(r.answers)-1]
	}
	return faultKind{}
}

// actedRule is a rule with how many requests it has answered.
type actedRule struct {
	*rule
	answered int
}

// act begins the script.
func (s Script) act() []actedRule {
	acted := make([]actedRule, len(s.rules))
	for i := range s.rules {
		acted[i].rule = &s.rules[i]
	}
	return acted
}

// next decides about a request, unless the rule does not concern it.
func (r *actedRule) next(s subject) (kind faultKind, decided bool) {
	kind = r.answer(r.answered)
	if !r.concerns(s, kind) {
		return faultKind{}, false
	}
	r.answered++
	return kind, true
}
