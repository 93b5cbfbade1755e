-- What happens on this node goes into the queue: row changes by statement
-- triggers, changes of the schema by the library's hook.

-- The columns of a table's primary key in the key's order; NULL without one.
CREATE FUNCTION spock.key_columns(relation oid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT array_agg(a.attname::text ORDER BY k.position)
      FROM pg_index i
     CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, position)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = relation AND i.indisprimary AND k.position <= i.indnkeyatts
$$;

-- The expression that names a row of "alias" in spock.row_version.
CREATE FUNCTION spock.key_expression(alias text, columns text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT format('md5(json_build_array(%s)::text)::uuid', string_agg(format('%s.%I', alias, c), ', '))
      FROM unnest(columns) c
$$;

-- The condition that two aliases have the same key.
CREATE FUNCTION spock.key_match(one text, other text, columns text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT string_agg(format('%s.%I = %s.%I', one, c, other, c), ' AND ') FROM unnest(columns) c
$$;

-- Forget who wrote rows that nobody changed for an hour, a few at a time and
-- none that someone is busy with.
CREATE FUNCTION spock.trim_versions() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
    DELETE FROM spock.row_version WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM spock.row_version WHERE written_at < now() - interval '1 hour'
         ORDER BY written_at LIMIT 2000 FOR UPDATE SKIP LOCKED))
$$;

-- After each statement on a replicated table. The rows are sent as they are
-- now, not as the statement left them: a trigger of the table may have changed
-- them again, and that change is already in the queue. Times and intervals are
-- written in one style, as they may be part of a key.
CREATE FUNCTION spock.capture_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET timezone = 'UTC' SET intervalstyle = 'postgres'
SET bytea_output = 'hex' SET extra_float_digits = 1 AS $capture$
DECLARE
    here oid := (SELECT node_id FROM spock.local_node);
    moment timestamptz := clock_timestamp();
    relation text := format('%I.%I', tg_table_schema, tg_table_name);
    keys text[] := spock.key_columns(tg_relid);
    mark bigint;
    rows_now text;
    keys_gone text;
    kept text;
    key_object text;
    row_keys uuid[];
BEGIN
    IF here IS NULL THEN
        RETURN NULL;
    END IF;
    mark := nextval('spock.queue_entry_seq');
    IF tg_op = 'TRUNCATE' THEN
        INSERT INTO spock.queue (queued_at, role, replication_sets, message_type, message, origin)
        VALUES (moment, session_user, '{default}', 'T', json_build_object('schema', tg_table_schema, 'table', tg_table_name), here);
        DELETE FROM spock.row_version WHERE relid = tg_relid AND written_at <= moment;
    ELSIF keys IS NULL THEN
        -- without a key a row has no name on the other nodes: it can only be added
        IF tg_op = 'INSERT' THEN
            EXECUTE spock.queue_command('SELECT row_to_json(n.*) AS content FROM new_rows n')
                USING moment, here, 'P', tg_table_schema, tg_table_name, '{default_insert_only}'::text[], tg_op;
        END IF;
    ELSE
        IF tg_op IN ('UPDATE', 'DELETE') THEN
            keys_gone := format('FROM old_rows o WHERE NOT EXISTS (SELECT FROM %s t WHERE %s)',
                                relation, spock.key_match('t', 'o', keys));
            SELECT format('json_build_object(%s)', string_agg(format('%L, o.%I', k, k), ', ')) INTO key_object FROM unnest(keys) k;
            EXECUTE format('SELECT array_agg(DISTINCT %s) %s', spock.key_expression('o', keys), keys_gone) INTO row_keys;
            IF tg_op = 'UPDATE' THEN
                keys_gone := format('%s AND %s <> ALL (%L)', keys_gone, spock.key_expression('o', keys), spock.untold(tg_relid, row_keys));
            END IF;
            EXECUTE spock.queue_command(format('SELECT %s AS content %s', key_object, keys_gone))
                USING spock.forget_rows(tg_relid, row_keys), here, 'D', tg_table_schema, tg_table_name, '{default}'::text[], tg_op;
        END IF;
        IF tg_op IN ('INSERT', 'UPDATE') THEN
            rows_now := format('FROM %s t WHERE EXISTS (SELECT FROM new_rows n WHERE %s)', relation, spock.key_match('t', 'n', keys));
            EXECUTE format('SELECT array_agg(%s) %s', spock.key_expression('t', keys), rows_now) INTO row_keys;
            -- a row that kept its key must be on the other nodes; one that has another key now is not yet
            kept := format('(EXISTS (SELECT FROM old_rows o WHERE %s) AND %s <> ALL (%L))', spock.key_match('t', 'o', keys),
                           spock.key_expression('t', keys), spock.untold(tg_relid, row_keys));
            moment := spock.note_writer(tg_relid, row_keys, here);
            IF tg_op = 'UPDATE' THEN
                EXECUTE spock.queue_command(format('SELECT row_to_json(t.*) AS content %s AND %s', rows_now, kept))
                    USING moment, here, 'U', tg_table_schema, tg_table_name, '{default}'::text[], tg_op;
                rows_now := format('%s AND NOT %s', rows_now, kept);
            END IF;
            EXECUTE spock.queue_command('SELECT row_to_json(t.*) AS content ' || rows_now)
                USING moment, here, 'P', tg_table_schema, tg_table_name, '{default}'::text[], tg_op;
        END IF;
    END IF;
    -- the other nodes read the entries from the log
    DELETE FROM spock.queue WHERE entry > mark;
    IF random() < 0.01 THEN
        PERFORM spock.trim_versions();
    END IF;
    RETURN NULL;
END
$capture$;

-- The command that queues what "contents" selects, some 200 rows to an entry.
-- Takes the moment, this node, the kind, the schema, the table, the sets and the operation.
CREATE FUNCTION spock.queue_command(contents text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT 'INSERT INTO spock.queue (queued_at, role, replication_sets, message_type, message, origin)
            SELECT $1, session_user, $6, $3::"char",
                   json_build_object(''schema'', $4::text, ''table'', $5::text, ''operation'', $7::text, ''rows'', json_agg(r.content)), $2
              FROM (SELECT s.content, (row_number() OVER () - 1) / 200 AS part FROM (' || contents || ') s) r
             GROUP BY r.part ORDER BY r.part'
$$;

-- Note this node as the writer of rows and return when it wrote them: now, but
-- later than every version known here. A change that was repeated here in the
-- meantime, with a later time than this statement's start, is older than it.
CREATE FUNCTION spock.note_writer(relation oid, row_keys uuid[], here oid) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    present constant timestamptz := clock_timestamp();
    moment timestamptz;
    earliest timestamptz;
BEGIN
    WITH noted AS (
        INSERT INTO spock.row_version AS v (relid, row_key, written_at, origin)
        SELECT relation, k, present, here FROM unnest(row_keys) k ORDER BY k
        ON CONFLICT (relid, row_key) DO UPDATE
            SET written_at = greatest(excluded.written_at, v.written_at + interval '1 microsecond'), origin = excluded.origin
        RETURNING v.written_at)
    SELECT max(written_at), min(written_at) INTO moment, earliest FROM noted;
    -- one time for all rows of the statement, as they go into one queue entry
    IF earliest < moment THEN
        UPDATE spock.row_version SET written_at = moment WHERE relid = relation AND row_key = ANY (row_keys);
    END IF;
    RETURN moment;
END
$$;

-- What a trigger changes of rows that are being inserted is told before the
-- insertion, whose own capture comes at the end of its statement. Those of the
-- keys that may be such rows: nobody is known to have written them. Outside of
-- triggers there are none.
CREATE FUNCTION spock.untold(relation oid, row_keys uuid[]) RETURNS uuid[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
    SELECT coalesce(array_agg(k), '{}') FROM unnest(row_keys) k
     WHERE pg_trigger_depth() > 1
       AND NOT EXISTS (SELECT FROM spock.row_version v WHERE v.relid = relation AND v.row_key = k)
$$;

-- Forget who wrote rows that are gone, and return when they went: later than
-- every version known here.
CREATE FUNCTION spock.forget_rows(relation oid, row_keys uuid[]) RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
    WITH gone AS (DELETE FROM spock.row_version WHERE relid = relation AND row_key = ANY (row_keys) RETURNING written_at)
    SELECT greatest(clock_timestamp(), max(written_at) + interval '1 microsecond') FROM gone
$$;

-- Called by the library after a statement that changed the schema.
CREATE FUNCTION spock.capture_ddl(statement text, role text, path text, unsafe boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    here oid := (SELECT node_id FROM spock.local_node);
BEGIN
    IF here IS NULL THEN
        RETURN;
    END IF;
    IF unsafe THEN
        RAISE WARNING 'DDL statement replicated, but could be unsafe.';
    ELSE
        RAISE INFO 'DDL statement replicated.';
    END IF;
    PERFORM spock.queue_ddl(statement, role, path, '{ddl_sql}');
    IF current_setting('spock.include_ddl_repset')::boolean THEN
        PERFORM spock.attach_tables();
    END IF;
END
$$;

CREATE FUNCTION spock.queue_ddl(statement text, role text, path text, replication_sets text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
DECLARE
    mark bigint := nextval('spock.queue_entry_seq');
BEGIN
    INSERT INTO spock.queue (queued_at, role, replication_sets, message_type, message, origin)
    SELECT clock_timestamp(), queue_ddl.role, queue_ddl.replication_sets, 'Q',
           json_build_object('statement', statement, 'path', path), n.node_id
      FROM spock.local_node n;
    DELETE FROM spock.queue WHERE entry > mark;
END
$$;

-- Give one table its triggers and its place in a replication set.
CREATE FUNCTION spock.attach_table(relation regclass, set_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET client_min_messages = warning AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER spock_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION spock.capture_rows()', relation);
    EXECUTE format('CREATE OR REPLACE TRIGGER spock_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION spock.capture_rows()', relation);
    EXECUTE format('CREATE OR REPLACE TRIGGER spock_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION spock.capture_rows()', relation);
    EXECUTE format('CREATE OR REPLACE TRIGGER spock_truncate AFTER TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION spock.capture_rows()', relation);
    INSERT INTO spock.replication_set_table (set_id, set_reloid)
    SELECT s.set_id, relation FROM spock.replication_set s JOIN spock.local_node n ON n.node_id = s.set_nodeid
     WHERE s.set_name = attach_table.set_name
    ON CONFLICT DO NOTHING;
END
$$;

-- After a change of the schema: new tables get their triggers, a table that got
-- its primary key moves from one set to the other, dropped tables are forgotten.
CREATE FUNCTION spock.attach_tables() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    relation oid;
BEGIN
    FOR relation IN
        SELECT c.oid
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
           AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'spock')
           AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'spock_insert')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
         ORDER BY c.oid
    LOOP
        PERFORM spock.attach_table(relation::regclass,
            CASE WHEN spock.key_columns(relation) IS NULL THEN 'default_insert_only' ELSE 'default' END);
    END LOOP;
    UPDATE spock.replication_set_table t SET set_id = d.set_id
      FROM spock.replication_set i JOIN spock.replication_set d ON d.set_nodeid = i.set_nodeid AND d.set_name = 'default'
      JOIN spock.local_node l ON l.node_id = i.set_nodeid
     WHERE i.set_name = 'default_insert_only' AND t.set_id = i.set_id AND spock.key_columns(t.set_reloid) IS NOT NULL;
    DELETE FROM spock.replication_set_table t WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.set_reloid);
    IF FOUND THEN
        DELETE FROM spock.row_version v WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = v.relid);
    END IF;
END
$$;

CREATE FUNCTION spock.replicate_ddl(command text, replication_sets text[] DEFAULT '{ddl_sql}',
    search_path text DEFAULT current_setting('search_path'), role text DEFAULT CURRENT_USER) RETURNS boolean
STRICT VOLATILE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('spock.enable_ddl_replication', 'off', true);
    PERFORM spock.execute_ddl(command, role, search_path);
    PERFORM spock.queue_ddl(command, role, search_path, replication_sets);
    PERFORM spock.attach_tables();
    RETURN true;
END
$$;

CREATE FUNCTION spock.replicate_ddl(command text[], replication_sets text[] DEFAULT '{ddl_sql}',
    search_path text DEFAULT current_setting('search_path'), role text DEFAULT CURRENT_USER) RETURNS SETOF boolean
STRICT VOLATILE LANGUAGE sql AS $$ SELECT spock.replicate_ddl(c, $2, $3, $4) FROM unnest(command) c $$;
