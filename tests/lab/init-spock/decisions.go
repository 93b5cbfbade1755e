package main

import (
	"cmp"
	"slices"
)

// What this program decides, apart from asking and doing: what a node lacks of
// what it should have.

// pair is a subscription on "to" for what happens on "from".
type pair struct{ from, to node }

// copies says whether the subscription also copies what is there: a node that
// joins later gets everything from its source.
func (p pair) copies() bool {
	return p.to.Bootstrap.Mode == "spock" && p.to.Bootstrap.SourceNode == p.from.Name
}

func (p pair) String() string { return subscriptionName(p.from, p.to) }

// subscription is what a node shows of one of its own.
type subscription struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

// state is what the nodes show, each by its name.
type state struct {
	subscriptions map[string][]subscription
	slots         map[string][]string
}

// allPairs is every subscription that there should be, in the order of the nodes.
func allPairs(s settings) []pair {
	var pairs []pair
	for _, to := range s.nodes {
		for _, from := range s.nodes {
			if from.Name != to.Name {
				pairs = append(pairs, pair{from, to})
			}
		}
	}
	return pairs
}

// pairsWithout is every subscription that there should be and is not.
func (found state) pairsWithout(s settings) []pair {
	return slices.DeleteFunc(allPairs(s), func(p pair) bool {
		return slices.ContainsFunc(found.subscriptions[p.to.Name], func(there subscription) bool { return there.Name == p.String() })
	})
}

// slotsToMake: a slot keeps what its node writes from now on. One that was lost
// is made anew, also for a subscription that is there: nothing else does so.
// What was written in between is not sent again. The slot of a copying
// subscription is made together with the copy, unless that was made before.
func (found state) slotsToMake(s settings) []pair {
	without := found.pairsWithout(s)
	return slices.DeleteFunc(allPairs(s), func(p pair) bool {
		return p.copies() && slices.Contains(without, p) || slices.Contains(found.slots[p.from.Name], s.slotName(p.from, p.to))
	})
}

// copiesToMake: the subscriptions of new nodes to their sources.
func (found state) copiesToMake(s settings) []pair {
	return slices.DeleteFunc(found.pairsWithout(s), func(p pair) bool { return !p.copies() })
}

// mustReachFirst: what the other nodes wrote before their slots for the new
// node were made must be at the source before that is copied. A source that
// does not subscribe to another node yet has nothing to wait for.
func (found state) mustReachFirst(s settings, copied pair) []pair {
	without := found.pairsWithout(s)
	return slices.DeleteFunc(allPairs(s), func(p pair) bool {
		return p.to.Name != copied.from.Name || p.from.Name == copied.to.Name || slices.Contains(without, p)
	})
}

// owned is a subscription and the name of its node.
type owned struct{ node, subscription string }

// toEnable: every subscription that is disabled, whatever disabled it and
// whoever made it. That it then replicates is nobody's concern here.
func (found state) toEnable() []owned {
	var disabled []owned
	for name, subscriptions := range found.subscriptions {
		for _, there := range subscriptions {
			if !there.Enabled {
				disabled = append(disabled, owned{name, there.Name})
			}
		}
	}
	slices.SortFunc(disabled, func(a, b owned) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.subscription, b.subscription))
	})
	return disabled
}
