-- What happened on another node is repeated here, in the apply worker's own
-- transaction: session_replication_role is "replica" there, so neither the
-- capture triggers nor the users' triggers and foreign keys act a second time.

-- Spock's rules, and no kinder: an inserted row that is here already is a
-- conflict, which the last update wins; an updated row that is not here is an
-- error; a deleted one that is not here is left at that. Nothing is known of
-- rows that were deleted, so an insert that comes after its delete brings the
-- row back.
--
-- The order of locks is the same as a user's statement has, first the row and
-- then its version: the other way round the two would wait for each other.
CREATE FUNCTION spock.put_rows(relation regclass, rows json, moment timestamptz, from_node oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $put$
DECLARE
    keys text[] := spock.key_columns(relation);
    target text;
    added uuid[];
BEGIN
    -- only the columns both sides have; a column that is new here keeps its default
    SELECT format('INSERT INTO %s AS t (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM json_populate_recordset(NULL::%1$s, $1) x',
                  relation, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
      INTO target
      FROM pg_attribute a JOIN json_object_keys(rows -> 0) k ON k = a.attname
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    IF keys IS NULL THEN
        EXECUTE target USING rows;
        RETURN;
    END IF;
    -- rows that are not here yet; waits for a user's statement that is adding the same key
    EXECUTE format('WITH added AS (%s ON CONFLICT (%s) DO NOTHING RETURNING %s AS row_key)
                    SELECT coalesce(array_agg(row_key), ''{}'') FROM added',
                   target, (SELECT string_agg(quote_ident(k), ', ') FROM unnest(keys) k), spock.key_expression('t', keys))
       INTO added USING rows;
    INSERT INTO spock.row_version (relid, row_key, written_at, origin)
    SELECT relation, k, moment, from_node FROM unnest(added) k ORDER BY k
    ON CONFLICT (relid, row_key) DO UPDATE SET written_at = excluded.written_at, origin = excluded.origin;
    IF cardinality(added) < json_array_length(rows) THEN
        PERFORM spock.change_rows(relation, rows, spock.lock_rows(relation, rows), added, moment, from_node);
    END IF;
END
$put$;

CREATE FUNCTION spock.update_rows(relation regclass, rows json, moment timestamptz, from_node oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
DECLARE
    here uuid[] := spock.lock_rows(relation, rows);
BEGIN
    IF cardinality(here) < json_array_length(rows) THEN
        PERFORM spock.refuse_missing(relation);
    END IF;
    PERFORM spock.change_rows(relation, rows, here, '{}', moment, from_node);
END
$$;

-- The row of an update that has another key now must be here, too.
CREATE FUNCTION spock.delete_rows(relation regclass, rows json, moment timestamptz, from_node oid, is_update boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $delete$
DECLARE
    keys text[] := spock.key_columns(relation);
    here uuid[] := spock.lock_rows(relation, rows);
    won uuid[];
BEGIN
    IF is_update AND cardinality(here) < json_array_length(rows) THEN
        PERFORM spock.refuse_missing(relation);
    END IF;
    SELECT array_agg(k) INTO won
      FROM unnest(here) k LEFT JOIN spock.row_version v ON v.relid = relation AND v.row_key = k
     WHERE v.relid IS NULL OR (moment, from_node) >= (v.written_at, v.origin);
    EXECUTE format('DELETE FROM %1$s t USING json_populate_recordset(NULL::%1$s, $1) x WHERE %2$s AND %3$s = ANY ($2)',
                   relation, spock.key_match('t', 'x', keys), spock.key_expression('t', keys)) USING rows, won;
    DELETE FROM spock.row_version WHERE relid = relation AND row_key = ANY (won);
END
$delete$;

-- The keys of those of the rows that are here; they stay as they are until the end of the transaction.
CREATE FUNCTION spock.lock_rows(relation regclass, rows json) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
DECLARE
    keys text[] := spock.key_columns(relation);
    here uuid[];
BEGIN
    EXECUTE (SELECT format('SELECT coalesce(array_agg(l.row_key), ''{}'') FROM (SELECT %s AS row_key FROM %s t
                            WHERE (%s) IN (SELECT %s FROM json_populate_recordset(NULL::%2$s, $1) x) ORDER BY %3$s FOR UPDATE) l',
                           spock.key_expression('t', keys), relation,
                           string_agg(format('t.%I', k), ', '), string_agg(format('x.%I', k), ', ')) FROM unnest(keys) k)
       INTO here USING rows;
    RETURN here;
END
$$;

CREATE FUNCTION spock.refuse_missing(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'logical replication did not find row to be updated in replication target relation (%)',
        (SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
END
$$;

-- Last update wins: of the rows that are here, but for those that were just added, change those that the sender wrote last.
CREATE FUNCTION spock.change_rows(relation regclass, rows json, here uuid[], added uuid[], moment timestamptz, from_node oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
DECLARE
    keys text[] := spock.key_columns(relation);
    changes text;
    won uuid[];
BEGIN
    WITH claimed AS (
        INSERT INTO spock.row_version AS v (relid, row_key, written_at, origin)
        SELECT relation, k, moment, from_node FROM unnest(here) k WHERE k <> ALL (added) ORDER BY k
        ON CONFLICT (relid, row_key) DO UPDATE SET written_at = excluded.written_at, origin = excluded.origin
         WHERE (excluded.written_at, excluded.origin) >= (v.written_at, v.origin)
        RETURNING v.row_key)
    SELECT array_agg(row_key) INTO won FROM claimed;
    SELECT string_agg(format('%I = x.%I', a.attname, a.attname), ', ') INTO changes
      FROM pg_attribute a JOIN json_object_keys(rows -> 0) k ON k = a.attname
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
       AND a.attname <> ALL (keys);
    IF changes IS NOT NULL THEN
        EXECUTE format('UPDATE %1$s t SET %2$s FROM json_populate_recordset(NULL::%1$s, $1) x WHERE %3$s AND %4$s = ANY ($2)',
                       relation, changes, spock.key_match('t', 'x', keys), spock.key_expression('t', keys)) USING rows, won;
    END IF;
END
$$;

-- The table of a change; NULL if it is not here, or the change is a statement.
CREATE FUNCTION spock.relation_of(change spock.queue) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT to_regclass(quote_ident(change.message ->> 'schema') || '.' || quote_ident(change.message ->> 'table'))
$$;

CREATE FUNCTION spock.apply_change(change spock.queue) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $apply$
DECLARE
    relation regclass;
BEGIN
    IF change.message_type = 'Q' THEN
        PERFORM spock.execute_ddl(change.message ->> 'statement', change.role, change.message ->> 'path');
        RETURN;
    END IF;
    relation := spock.relation_of(change);
    IF relation IS NULL THEN
        RAISE EXCEPTION 'Spock can''t find relation' USING ERRCODE = 'undefined_table';
    END IF;
    CASE change.message_type
        WHEN 'P' THEN
            PERFORM spock.put_rows(relation, change.message -> 'rows', change.queued_at, change.origin);
        WHEN 'U' THEN
            PERFORM spock.update_rows(relation, change.message -> 'rows', change.queued_at, change.origin);
        WHEN 'D' THEN
            PERFORM spock.delete_rows(relation, change.message -> 'rows', change.queued_at, change.origin,
                                      change.message ->> 'operation' = 'UPDATE');
        WHEN 'T' THEN
            EXECUTE format('TRUNCATE %s CASCADE', relation);
            DELETE FROM spock.row_version WHERE relid = relation AND written_at <= change.queued_at;
    END CASE;
END
$apply$;

-- Which transaction of a node is to be discarded has to be known after the
-- transaction that failed was rolled back: the value of a sequence stays.
CREATE FUNCTION spock.failed_transaction(origin oid) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT format('spock.failed_%s', origin)::regclass
$$;

CREATE FUNCTION spock.is_discarded(change spock.queue) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    failed bigint;
BEGIN
    EXECUTE format('SELECT last_value FROM %s', spock.failed_transaction(change.origin)) INTO failed;
    RETURN failed = change.xid;
END
$$;

-- Spock gives all changes of a transaction the time of its commit. The worker
-- learns that last, so here it is the time of the first change.
CREATE FUNCTION spock.transaction_time(change spock.queue) RETURNS timestamptz
LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT CASE WHEN known[1] = change.xid::text THEN known[3]::timestamptz ELSE change.queued_at END
      FROM string_to_array(current_setting('spock_worker.transaction', true), '|') known
$$;

-- A missing relation is noted without its name, as Spock does. "problem" is NULL
-- for a change that could have been applied, and was discarded with the others.
CREATE FUNCTION spock.note_exception(change spock.queue, problem text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    INSERT INTO spock.exception_log (remote_origin, remote_commit_ts, command_counter, retry_errored_at, remote_xid,
                                     table_schema, table_name, operation, remote_new_tup, ddl_statement, ddl_user, error_message)
    SELECT change.origin, spock.transaction_time(change), (change.entry % 2147483647)::int, clock_timestamp(), change.xid,
           CASE WHEN known THEN change.message ->> 'schema' END, CASE WHEN known THEN change.message ->> 'table' END,
           CASE change.message_type WHEN 'Q' THEN 'DDL' WHEN 'T' THEN 'TRUNCATE' ELSE change.message ->> 'operation' END,
           (change.message -> 'rows')::jsonb, change.message ->> 'statement',
           CASE change.message_type WHEN 'Q' THEN change.role END, coalesce(problem, 'unknown')
      FROM (SELECT spock.relation_of(change) IS NOT NULL AS known) k
     WHERE CASE current_setting('spock.exception_logging') WHEN 'none' THEN false WHEN 'discard' THEN problem IS NOT NULL ELSE true END
$$;

-- Runs in the transaction that disables the subscription; the one that failed is neither applied nor confirmed.
CREATE FUNCTION spock.note_disabling(change spock.queue, problem text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    name text := (SELECT sub_name FROM spock.subscription WHERE sub_origin = change.origin);
BEGIN
    PERFORM spock.note_exception(change, problem);
    INSERT INTO spock.exception_log (remote_origin, remote_commit_ts, command_counter, retry_errored_at, remote_xid, operation, error_message)
    VALUES (change.origin, spock.transaction_time(change), 0, clock_timestamp(), change.xid, 'SUB_DISABLE',
            format('disabling subscription %s due to exception(s) - skip_lsn = %s', name, pg_current_wal_lsn()));
    UPDATE spock.subscription SET sub_enabled = false WHERE sub_name = name;
    RAISE WARNING 'SPOCK %: disabling subscription due to exceptions', name;
END
$$;

-- Whether a transaction was tried before, by a worker that has ended since. As
-- Spock, the stand-in applies it without looking for errors at first, and with
-- care the second time: a subtransaction for each change keeps memory until the
-- end, more than a node has for one of two million rows.
CREATE FUNCTION spock.was_tried(change spock.queue) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    tried constant regclass := format('spock.tried_%s', change.origin)::regclass;
    known constant text[] := string_to_array(current_setting('spock_worker.transaction', true), '|');
    before bigint;
BEGIN
    IF known[1] = change.xid::text THEN
        RETURN known[2]::boolean;
    END IF;
    EXECUTE format('SELECT last_value FROM %s', tried) INTO before;
    PERFORM setval(tried, change.xid);
    PERFORM set_config('spock_worker.transaction', format('%s|%s|%s', change.xid, before = change.xid, change.queued_at), false);
    RETURN before = change.xid;
END
$$;

CREATE FUNCTION spock.replay() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM spock.still_here();
    IF spock.was_tried(new) THEN
        PERFORM spock.apply_with_care(new);
    ELSE
        PERFORM spock.apply_change(new);
    END IF;
    RETURN NULL;    -- done: there is nothing to store
END
$$;

-- What cannot be applied ends as spock.exception_behaviour says: the change is
-- discarded, or its whole transaction, or the subscription is disabled.
CREATE FUNCTION spock.apply_with_care(new spock.queue) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $replay$
DECLARE
    taken_back constant text := 'SP000';
    problem text;
BEGIN
    IF spock.is_discarded(new) THEN
        BEGIN
            PERFORM spock.apply_change(new);
            RAISE EXCEPTION USING ERRCODE = taken_back;
        EXCEPTION
            WHEN deadlock_detected OR serialization_failure OR lock_not_available
              OR insufficient_resources OR operator_intervention OR system_error THEN
                RAISE;
            WHEN OTHERS THEN
                problem := CASE WHEN sqlstate <> taken_back THEN sqlerrm END;
        END;
        PERFORM spock.note_exception(new, problem);
    ELSE
        PERFORM spock.apply_change(new);
    END IF;
EXCEPTION
    WHEN deadlock_detected OR serialization_failure OR lock_not_available
      OR insufficient_resources OR operator_intervention OR system_error THEN
        RAISE;      -- worth another try: the apply worker comes back with the same transaction
    WHEN OTHERS THEN
        RAISE LOG 'spock could not apply a change of another node: % (%)', sqlerrm, sqlstate;
        CASE current_setting('spock.exception_behaviour')
            WHEN 'discard' THEN
                PERFORM spock.note_exception(new, sqlerrm);
                RETURN;
            WHEN 'transdiscard' THEN
                -- the apply worker comes back with the same transaction, and finds this
                PERFORM setval(spock.failed_transaction(new.origin), new.xid);
            WHEN 'sub_disable' THEN
                PERFORM spock.disable_on_error(format('SELECT spock.note_disabling(json_populate_record(NULL::spock.queue, %L), %L)',
                                                      row_to_json(new), sqlerrm));
        END CASE;
        RAISE;
END
$replay$;

CREATE TRIGGER spock_replay BEFORE INSERT ON spock.queue FOR EACH ROW EXECUTE FUNCTION spock.replay();
ALTER TABLE spock.queue ENABLE REPLICA TRIGGER spock_replay;
