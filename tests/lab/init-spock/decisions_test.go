package main

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// mesh is the settings of the nodes n1, n2, ….
func mesh(count int) settings {
	s := settings{database: "app"}
	for i := 1; i <= count; i++ {
		s.nodes = append(s.nodes, node{Name: fmt.Sprintf("n%d", i), Hostname: fmt.Sprintf("pgedge-n%d-rw", i)})
	}
	return s
}

// joining is a mesh whose last node copies the first.
func joining(count int) settings {
	s := mesh(count)
	s.nodes[count-1].Bootstrap.Mode = "spock"
	s.nodes[count-1].Bootstrap.SourceNode = "n1"
	return s
}

// wired is what nodes show where nothing is missing.
func wired(s settings) state {
	found := state{map[string][]subscription{}, map[string][]string{}}
	for _, p := range allPairs(s) {
		found.subscriptions[p.to.Name] = append(found.subscriptions[p.to.Name], subscription{p.String(), true})
		found.slots[p.from.Name] = append(found.slots[p.from.Name], s.slotName(p.from, p.to))
	}
	return found
}

func names(pairs []pair) []string {
	var names []string
	for _, p := range pairs {
		names = append(names, p.String())
	}
	return names
}

func same(t *testing.T, what string, got []string, wanted ...string) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("%s: %v, not %v", what, got, wanted)
	}
}

func TestNothingIsDoneWhereNothingIsMissing(t *testing.T) {
	for _, s := range []settings{mesh(1), mesh(2), mesh(3), mesh(9), joining(4)} {
		found := wired(s)
		same(t, "slots", names(found.slotsToMake(s)))
		same(t, "copies", names(found.copiesToMake(s)))
		same(t, "subscriptions", names(found.pairsWithout(s)))
		if enabled := found.toEnable(); len(enabled) != 0 {
			t.Errorf("enabled: %v", enabled)
		}
	}
}

func TestNewNodesGetASlotAndASubscriptionForEachOrderedPair(t *testing.T) {
	s := mesh(3)
	all := []string{"sub_n2_n1", "sub_n3_n1", "sub_n1_n2", "sub_n3_n2", "sub_n1_n3", "sub_n2_n3"}
	same(t, "slots", names(state{}.slotsToMake(s)), all...)
	same(t, "subscriptions", names(state{}.pairsWithout(s)), all...)
	same(t, "copies", names(state{}.copiesToMake(s)))
}

func TestALostSlotIsMadeAnewForASubscriptionThatIsThere(t *testing.T) {
	s := mesh(3)
	found := wired(s)
	found.slots["n1"] = slices.DeleteFunc(found.slots["n1"], func(slot string) bool { return slot == "spk_app_n1_sub_n1_n2" })
	same(t, "slots", names(found.slotsToMake(s)), "sub_n1_n2")
	same(t, "subscriptions", names(found.pairsWithout(s)))
}

func TestASlotOfAnotherDatabaseIsNotTakenForIts(t *testing.T) {
	s := mesh(2)
	found := wired(s)
	found.slots["n1"] = []string{"spk_other_n1_sub_n1_n2"}
	same(t, "slots", names(found.slotsToMake(s)), "sub_n1_n2")
}

func TestASubscriptionThatIsMissingKeepsItsSlot(t *testing.T) {
	s := mesh(3)
	found := wired(s)
	found.subscriptions["n3"] = found.subscriptions["n3"][:1]
	same(t, "slots", names(found.slotsToMake(s)))
	same(t, "subscriptions", names(found.pairsWithout(s)), "sub_n2_n3")
}

func TestEverythingDisabledIsEnabledWhoeverMadeIt(t *testing.T) {
	s := mesh(3)
	found := wired(s)
	found.subscriptions["n2"][0].Enabled = false
	found.subscriptions["n1"][1].Enabled = false
	found.subscriptions["n3"] = append(found.subscriptions["n3"], subscription{"by_hand", false})
	wanted := []owned{{"n1", "sub_n3_n1"}, {"n2", "sub_n1_n2"}, {"n3", "by_hand"}}
	if enabled := found.toEnable(); !slices.Equal(enabled, wanted) {
		t.Errorf("enabled: %v, not %v", enabled, wanted)
	}
	same(t, "slots", names(found.slotsToMake(s)))
	same(t, "subscriptions", names(found.pairsWithout(s)))
}

func TestANodeThatJoinsCopiesItsSourceOnce(t *testing.T) {
	s := joining(4)
	found := wired(mesh(3))
	same(t, "copies", names(found.copiesToMake(s)), "sub_n1_n4")
	// the slot of the copy comes with its snapshot, those of the others come before it
	same(t, "slots", names(found.slotsToMake(s)), "sub_n4_n1", "sub_n4_n2", "sub_n4_n3", "sub_n2_n4", "sub_n3_n4")
	same(t, "reached first", names(found.mustReachFirst(s, pair{s.nodes[0], s.nodes[3]})), "sub_n2_n1", "sub_n3_n1")
	// what the new node itself wrote is in no copy
	found.subscriptions["n1"] = append(found.subscriptions["n1"], subscription{"sub_n4_n1", true})
	same(t, "reached first", names(found.mustReachFirst(s, pair{s.nodes[0], s.nodes[3]})), "sub_n2_n1", "sub_n3_n1")
	copied := wired(s)
	same(t, "copies", names(copied.copiesToMake(s)))
	copied.slots["n1"] = nil
	same(t, "slots", names(copied.slotsToMake(s)), "sub_n1_n2", "sub_n1_n3", "sub_n1_n4")
}

func TestASourceThatDoesNotSubscribeYetIsNotWaitedFor(t *testing.T) {
	s := joining(3)
	found := wired(mesh(1))
	same(t, "reached first", names(found.mustReachFirst(s, pair{s.nodes[0], s.nodes[2]})))
}

func TestNodesThatCannotBeAreRefused(t *testing.T) {
	for what, content := range map[string]string{
		"no nodes":          "[]",
		"not a list":        "name: n1",
		"no name":           "[{hostname: a}]",
		"no hostname":       "[{name: n1}]",
		"twice the same":    "[{name: n1, hostname: a}, {name: n1, hostname: b}]",
		"its own source":    "[{name: n1, hostname: a, bootstrap: {mode: spock, sourceNode: n1}}]",
		"an unknown source": "[{name: n1, hostname: a, bootstrap: {mode: spock, sourceNode: n9}}]",
		"an unknown mode":   "[{name: n1, hostname: a, bootstrap: {mode: magic}}]",
	} {
		if nodes, err := parseNodes([]byte(content)); err == nil {
			t.Errorf("%s: %v", what, nodes)
		}
	}
}

func TestTheJobsLastSecondsAreForItsWords(t *testing.T) {
	for seconds, wanted := range map[int]time.Duration{7200: 7185 * time.Second, 31: 16 * time.Second, 30: 30 * time.Second, 1: time.Second} {
		if patience := patienceOf(seconds); patience != wanted {
			t.Errorf("%d s: %v, not %v", seconds, patience, wanted)
		}
	}
}

func TestAValueEndsNoLiteral(t *testing.T) {
	if quoted := literal("it's '; DROP"); quoted != "'it''s ''; DROP'" {
		t.Error(quoted)
	}
}
