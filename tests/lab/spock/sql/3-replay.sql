-- What happened on another node is repeated here, in the apply worker's own
-- transaction: session_replication_role is "replica" there, so neither the
-- capture triggers nor the users' triggers and foreign keys act a second time.

-- The order of locks is the same as a user's statement has, first the row and
-- then its version: the other way round the two would wait for each other.
CREATE FUNCTION spock.put_rows(relation regclass, rows json, moment timestamptz, from_node oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $put$
DECLARE
    keys text[] := spock.key_columns(relation);
    source text := format('json_populate_recordset(NULL::%s, $1) x', relation);
    key_of_x text;
    columns text;
    changes text;
    target text;
    added uuid[];
    won uuid[];
BEGIN
    -- only the columns both sides have; a column that is new here keeps its default
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg(format('%I = x.%I', a.attname, a.attname), ', ') FILTER (WHERE a.attname <> ALL (keys) AND a.attidentity <> 'a')
      INTO columns, changes
      FROM pg_attribute a JOIN json_object_keys(rows -> 0) k ON k = a.attname
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    target := format('INSERT INTO %s AS t (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s', relation, columns, columns, source);
    IF keys IS NULL THEN
        EXECUTE target USING rows;
        RETURN;
    END IF;
    key_of_x := spock.key_expression('x', keys);

    -- rows that are not here yet; waits for a user's statement that is adding the same key
    EXECUTE format('WITH added AS (%s ON CONFLICT (%s) DO NOTHING RETURNING %s AS row_key)
                    SELECT coalesce(array_agg(row_key), ''{}'') FROM added',
                   target, (SELECT string_agg(quote_ident(k), ', ') FROM unnest(keys) k), spock.key_expression('t', keys))
       INTO added USING rows;
    IF cardinality(added) < json_array_length(rows) THEN
        EXECUTE format('SELECT FROM %s t WHERE (%s) IN (SELECT %s FROM %s) ORDER BY %s FOR UPDATE', relation,
                       (SELECT string_agg(format('t.%I', k), ', ') FROM unnest(keys) k),
                       (SELECT string_agg(format('x.%I', k), ', ') FROM unnest(keys) k), source,
                       (SELECT string_agg(format('t.%I', k), ', ') FROM unnest(keys) k)) USING rows;
    END IF;
    EXECUTE format('SELECT spock.claim_rows($2, array_agg(DISTINCT %s), $3, $4) FROM %s', key_of_x, source)
       INTO won USING rows, relation, moment, from_node;

    -- rows that were here: changed where the sender wrote last
    IF changes IS NOT NULL AND cardinality(added) < json_array_length(rows) THEN
        EXECUTE format('UPDATE %s t SET %s FROM %s WHERE %s AND %s = ANY ($2) AND %s <> ALL ($3)',
                       relation, changes, source, spock.key_match('t', 'x', keys), key_of_x, key_of_x) USING rows, won, added;
    END IF;
    -- rows that came too late: deleted here after the sender wrote them
    IF NOT added <@ won THEN
        EXECUTE format('DELETE FROM %s t USING %s WHERE %s AND %s = ANY ($2) AND %s <> ALL ($3)',
                       relation, source, spock.key_match('t', 'x', keys), key_of_x, key_of_x) USING rows, added, won;
    END IF;
END
$put$;

CREATE FUNCTION spock.delete_rows(relation regclass, rows json, moment timestamptz, from_node oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $delete$
DECLARE
    keys text[] := spock.key_columns(relation);
    source text := format('json_populate_recordset(NULL::%s, $1) x', relation);
    won uuid[];
BEGIN
    EXECUTE format('SELECT FROM %s t WHERE (%s) IN (SELECT %s FROM %s) ORDER BY %s FOR UPDATE', relation,
                   (SELECT string_agg(format('t.%I', k), ', ') FROM unnest(keys) k),
                   (SELECT string_agg(format('x.%I', k), ', ') FROM unnest(keys) k), source,
                   (SELECT string_agg(format('t.%I', k), ', ') FROM unnest(keys) k)) USING rows;
    EXECUTE format('SELECT spock.claim_rows($2, array_agg(DISTINCT %s), $3, $4) FROM %s', spock.key_expression('x', keys), source)
       INTO won USING rows, relation, moment, from_node;
    EXECUTE format('DELETE FROM %s t USING %s WHERE %s AND %s = ANY ($2)',
                   relation, source, spock.key_match('t', 'x', keys), spock.key_expression('x', keys)) USING rows, won;
END
$delete$;

-- Last update wins: note the writer of each row unless a later one is known.
-- Returns the keys of the rows that the sender may change.
CREATE FUNCTION spock.claim_rows(relation oid, row_keys uuid[], moment timestamptz, from_node oid) RETURNS uuid[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
    WITH claimed AS (
        INSERT INTO spock.row_version AS v (relid, row_key, written_at, origin)
        SELECT relation, k, moment, from_node FROM unnest(row_keys) k ORDER BY k
        ON CONFLICT (relid, row_key) DO UPDATE SET written_at = excluded.written_at, origin = excluded.origin
         WHERE (excluded.written_at, excluded.origin) >= (v.written_at, v.origin)
        RETURNING v.row_key)
    SELECT coalesce(array_agg(row_key), '{}') FROM claimed
$$;

CREATE FUNCTION spock.replay() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $replay$
DECLARE
    relation regclass;
BEGIN
    IF new.message_type = 'Q' THEN
        PERFORM spock.execute_ddl(new.message ->> 'statement', new.role, new.message ->> 'path');
        RETURN NULL;
    END IF;
    relation := format('%I.%I', new.message ->> 'schema', new.message ->> 'table')::regclass;
    CASE new.message_type
        WHEN 'P' THEN
            PERFORM spock.put_rows(relation, new.message -> 'rows', new.queued_at, new.origin);
        WHEN 'D' THEN
            PERFORM spock.delete_rows(relation, new.message -> 'rows', new.queued_at, new.origin);
        WHEN 'T' THEN
            EXECUTE format('TRUNCATE %s CASCADE', relation);
            DELETE FROM spock.row_version WHERE relid = relation AND written_at <= new.queued_at;
    END CASE;
    RETURN NULL;    -- done: there is nothing to store
EXCEPTION
    WHEN deadlock_detected OR serialization_failure OR lock_not_available
      OR insufficient_resources OR operator_intervention OR system_error THEN
        RAISE;      -- worth another try: the apply worker comes back with the same transaction
    WHEN OTHERS THEN
        RAISE LOG 'spock could not repeat a change of another node: % (%)', sqlerrm, sqlstate;
        INSERT INTO spock.exception_log (remote_origin, remote_commit_ts, command_counter, retry_errored_at, remote_xid,
                                         table_schema, table_name, operation, remote_new_tup, ddl_statement, ddl_user, error_message)
        VALUES (new.origin, new.queued_at, (new.entry % 2147483647)::int, clock_timestamp(), 0,
                new.message ->> 'schema', new.message ->> 'table',
                CASE new.message_type WHEN 'Q' THEN 'DDL' WHEN 'P' THEN 'INSERT' WHEN 'D' THEN 'DELETE' ELSE 'TRUNCATE' END,
                (new.message -> 'rows')::jsonb, new.message ->> 'statement',
                CASE new.message_type WHEN 'Q' THEN new.role END, sqlerrm);
        RETURN NULL;
END
$replay$;

CREATE TRIGGER spock_replay BEFORE INSERT ON spock.queue FOR EACH ROW EXECUTE FUNCTION spock.replay();
ALTER TABLE spock.queue ENABLE REPLICA TRIGGER spock_replay;
