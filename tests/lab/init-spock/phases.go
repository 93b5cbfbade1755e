package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// event makes one missing thing on one node.
type event struct {
	kind string
	id   string
	// what is said when it is made, and about what
	done, key, value string
	make             func(context.Context) error
}

// The phases, in order: each finds what is missing once the one before is over.
var phases = []func(context.Context, settings) ([]event, error){
	missingUsers,
	missingNodes,
	missingSlots,
	missingCopies,
	missingSubscriptions,
	disabledSubscriptions,
}

// execute makes the events of one phase, all at once.
func execute(ctx context.Context, number int, events []event) error {
	slog.Info("executing phase", "phase", number, "events", len(events))
	failures := make([]error, len(events))
	var running sync.WaitGroup
	for i, e := range events {
		running.Go(func() {
			slog.Info("creating resource", "type", e.kind, "id", e.id)
			if err := e.make(ctx); err != nil {
				failures[i] = fmt.Errorf("%s %s: %w", e.kind, e.id, err)
			} else if e.done != "" {
				slog.Info(e.done, e.key, e.value)
			}
		})
	}
	running.Wait()
	return errors.Join(failures...)
}

// missingUsers: the role with which the nodes log in to each other, and the extension.
func missingUsers(ctx context.Context, s settings) ([]event, error) {
	var events []event
	for _, n := range s.nodes {
		there, err := ask[bool](ctx, s, n,
			`SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgedge') AND EXISTS (SELECT FROM pg_extension WHERE extname = 'spock')`)
		if err != nil {
			return nil, err
		}
		if !there {
			events = append(events, event{"spock.user", n.Name, "created pgedge user", "node", n.Name, func(ctx context.Context) error {
				return do(ctx, s, n,
					`DO $$ BEGIN
						IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgedge') THEN
							CREATE ROLE pgedge LOGIN SUPERUSER REPLICATION;
						END IF;
					END $$`,
					`CREATE EXTENSION IF NOT EXISTS spock`)
			}})
		}
	}
	return events, nil
}

// missingNodes: each server's own entry.
func missingNodes(ctx context.Context, s settings) ([]event, error) {
	var events []event
	for _, n := range s.nodes {
		name, err := ask[string](ctx, s, n,
			`SELECT coalesce((SELECT node_name::text FROM spock.local_node JOIN spock.node USING (node_id)), '')`)
		if err != nil {
			return nil, err
		}
		switch name {
		case n.Name:
		case "":
			events = append(events, event{"spock.node", n.Name, "created spock node", "node", n.Name, func(ctx context.Context) error {
				return do(ctx, s, n, fmt.Sprintf(`SELECT spock.node_create(%s, %s)`, literal(n.Name), literal(s.dsn(n))))
			}})
		default:
			return nil, fmt.Errorf("node %s: its database is already node %s", n.Name, name)
		}
	}
	return events, nil
}

// look asks every node what it has.
func look(ctx context.Context, s settings) (state, error) {
	found := state{map[string][]subscription{}, map[string][]string{}}
	for _, n := range s.nodes {
		subscriptions, err := ask[[]subscription](ctx, s, n,
			`SELECT coalesce(json_agg(json_build_object('name', sub_name, 'enabled', sub_enabled)), '[]') FROM spock.subscription`)
		if err != nil {
			return found, err
		}
		slots, err := ask[[]string](ctx, s, n, `SELECT coalesce(array_agg(slot_name::text), '{}') FROM pg_replication_slots`)
		if err != nil {
			return found, err
		}
		found.subscriptions[n.Name], found.slots[n.Name] = subscriptions, slots
	}
	return found, nil
}

func missingSlots(ctx context.Context, s settings) ([]event, error) {
	found, err := look(ctx, s)
	if err != nil {
		return nil, err
	}
	var events []event
	for _, p := range found.slotsToMake(s) {
		slot := s.slotName(p.from, p.to)
		events = append(events, event{kind: "spock.replicationslot", id: slot, make: func(ctx context.Context) error {
			return do(ctx, s, p.from, fmt.Sprintf(`SELECT pg_create_logical_replication_slot(%s, 'spock_output')`, literal(slot)))
		}})
	}
	return events, nil
}

func disabledSubscriptions(ctx context.Context, s settings) ([]event, error) {
	found, err := look(ctx, s)
	if err != nil {
		return nil, err
	}
	var events []event
	for _, disabled := range found.toEnable() {
		index := slices.IndexFunc(s.nodes, func(n node) bool { return n.Name == disabled.node })
		name := disabled.subscription
		events = append(events, event{"spock.subscription", name, "enabled subscription", "sub", name, func(ctx context.Context) error {
			return do(ctx, s, s.nodes[index], fmt.Sprintf(`SELECT spock.sub_enable(%s)`, literal(name)))
		}})
	}
	return events, nil
}

func missingCopies(ctx context.Context, s settings) ([]event, error) {
	found, err := look(ctx, s)
	if err != nil {
		return nil, err
	}
	var events []event
	for _, p := range found.copiesToMake(s) {
		for _, first := range found.mustReachFirst(s, p) {
			if err := waitUntilApplied(ctx, s, first); err != nil {
				return nil, err
			}
		}
		events = append(events, subscribe(s, p))
	}
	return events, nil
}

func missingSubscriptions(ctx context.Context, s settings) ([]event, error) {
	found, err := look(ctx, s)
	if err != nil {
		return nil, err
	}
	var events []event
	for _, p := range found.pairsWithout(s) {
		events = append(events, subscribe(s, p))
	}
	return events, nil
}

func subscribe(s settings, p pair) event {
	return event{"spock.subscription", p.String(), "created subscription", "sub", p.String(), func(ctx context.Context) error {
		return do(ctx, s, p.to, fmt.Sprintf(
			`SELECT spock.sub_create(%s, %s, synchronize_structure := %t, synchronize_data := %t)`,
			literal(p.String()), literal(s.dsn(p.from)), p.copies(), p.copies()))
	}}
}

// waitUntilApplied returns when "to" has repeated everything that "from" wrote up to now.
func waitUntilApplied(ctx context.Context, s settings, p pair) error {
	position, err := ask[string](ctx, s, p.from, `SELECT pg_current_wal_lsn()::text`)
	if err != nil {
		return err
	}
	for {
		reached, err := ask[bool](ctx, s, p.from,
			`SELECT coalesce((SELECT confirmed_flush_lsn >= $2::pg_lsn FROM pg_replication_slots WHERE slot_name = $1), false)`,
			s.slotName(p.from, p.to), position)
		if err != nil || reached {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("timed out waiting for %s to apply what %s wrote: %w", p.to.Name, p.from.Name, err)
		}
	}
}

// reset takes everything of Spock off all nodes.
func reset(ctx context.Context, s settings) error {
	for _, n := range s.nodes {
		slog.Info("resetting spock", "node", n.Name)
		if err := do(ctx, s, n,
			`DO $$ BEGIN
				IF EXISTS (SELECT FROM pg_extension WHERE extname = 'spock') THEN
					PERFORM spock.sub_drop(sub_name) FROM spock.subscription;
					PERFORM spock.node_drop(node_name) FROM spock.node;
				END IF;
			END $$`); err != nil {
			return err
		}
	}
	return nil
}

// literal quotes a value for SQL.
func literal(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
