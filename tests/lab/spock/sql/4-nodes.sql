-- Nodes and replication sets. Identifiers are made from names, as Spock makes
-- them: every node then knows the others by the same number.

CREATE FUNCTION spock.identify_node(node_name name) RETURNS oid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT (hashtext(node_name::text)::bigint & 65535)::oid
$$;

CREATE FUNCTION spock.identify(name text) RETURNS oid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT (hashtext(name)::bigint & 4294967295)::oid
$$;

-- The row of a node and its interface, made unless they are there.
CREATE FUNCTION spock.know_node(node_name name, dsn text, location text DEFAULT NULL, country text DEFAULT NULL, info jsonb DEFAULT NULL)
RETURNS oid LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    id oid := spock.identify_node(node_name);
BEGIN
    INSERT INTO spock.node VALUES (id, node_name, location, country, info) ON CONFLICT DO NOTHING;
    INSERT INTO spock.node_interface AS i VALUES (spock.identify(id || '/' || node_name), node_name, id, dsn)
    ON CONFLICT (if_id) DO UPDATE SET if_dsn = excluded.if_dsn WHERE i.if_dsn <> excluded.if_dsn;
    IF to_regclass(format('spock.failed_%s', id)) IS NULL THEN
        EXECUTE format('CREATE SEQUENCE spock.failed_%s', id);
        EXECUTE format('CREATE SEQUENCE spock.tried_%s', id);
    END IF;
    RETURN id;
END
$$;

CREATE FUNCTION spock.node_create(node_name name, dsn text, location text DEFAULT NULL, country text DEFAULT NULL, info jsonb DEFAULT NULL)
RETURNS oid LANGUAGE plpgsql SET spock.enable_ddl_replication = off AS $$
DECLARE
    id oid;
BEGIN
    IF node_name IS NULL OR dsn IS NULL THEN
        RAISE EXCEPTION 'node name or dsn cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF EXISTS (SELECT FROM spock.local_node) THEN
        RAISE EXCEPTION 'current database is already configured as spock node' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    id := spock.know_node(node_name, dsn, location, country, info);
    INSERT INTO spock.local_node SELECT id, if_id FROM spock.node_interface WHERE if_nodeid = id;
    INSERT INTO spock.replication_set
    VALUES (spock.identify(id || '/default'), id, 'default', true, true, true, true),
           (spock.identify(id || '/default_insert_only'), id, 'default_insert_only', true, false, false, true),
           (spock.identify(id || '/ddl_sql'), id, 'ddl_sql', true, false, false, false);
    -- "insert" only: deleting from the queue stays here
    CREATE PUBLICATION spock_queue FOR TABLE spock.queue WITH (publish = 'insert');
    RETURN id;
END
$$;

CREATE FUNCTION spock.node_drop(node_name name, ifexists boolean DEFAULT false) RETURNS boolean
STRICT LANGUAGE plpgsql SET spock.enable_ddl_replication = off AS $$
DECLARE
    id oid := (SELECT n.node_id FROM spock.node n WHERE n.node_name = node_drop.node_name);
BEGIN
    IF id IS NULL THEN
        IF ifexists THEN
            RETURN false;
        END IF;
        RAISE EXCEPTION 'node "%" not found', node_name USING ERRCODE = 'undefined_object';
    END IF;
    IF EXISTS (SELECT FROM spock.subscription WHERE id IN (sub_origin, sub_target)) THEN
        RAISE EXCEPTION 'cannot drop node "%" because one or more subscriptions for the node are still defined', node_name
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'drop the subscriptions first';
    END IF;
    IF EXISTS (SELECT FROM spock.local_node WHERE node_id = id) THEN
        DROP PUBLICATION spock_queue;
        DELETE FROM spock.local_node;
    END IF;
    DELETE FROM spock.replication_set_table WHERE set_id IN (SELECT set_id FROM spock.replication_set WHERE set_nodeid = id);
    DELETE FROM spock.replication_set WHERE set_nodeid = id;
    DELETE FROM spock.node_interface WHERE if_nodeid = id;
    DELETE FROM spock.node WHERE node_id = id;
    EXECUTE format('DROP SEQUENCE IF EXISTS spock.failed_%s, spock.tried_%1$s', id);
    RETURN true;
END
$$;

CREATE FUNCTION spock.node_info(OUT node_id oid, OUT node_name text, OUT sysid text, OUT dbname text, OUT replication_sets text,
    OUT location text, OUT country text, OUT info jsonb)
STABLE LANGUAGE sql AS $$
    SELECT n.node_id, n.node_name::text, (pg_control_system()).system_identifier::text, current_database()::text,
           (SELECT string_agg(quote_ident(set_name), ',' ORDER BY set_name) FROM spock.replication_set WHERE set_nodeid = n.node_id),
           n.location, n.country, n.info
      FROM spock.local_node JOIN spock.node n USING (node_id)
$$;

CREATE FUNCTION spock.repset_create(set_name name, replicate_insert boolean DEFAULT true, replicate_update boolean DEFAULT true,
    replicate_delete boolean DEFAULT true, replicate_truncate boolean DEFAULT true) RETURNS oid
STRICT LANGUAGE sql AS $$
    INSERT INTO spock.replication_set
    SELECT spock.identify(node_id || '/' || $1), node_id, $1, $2, $3, $4, $5 FROM spock.local_node
    RETURNING set_id
$$;

CREATE FUNCTION spock.repset_drop(set_name name, ifexists boolean DEFAULT false) RETURNS boolean
STRICT LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM spock.replication_set_table t USING spock.replication_set s
     WHERE t.set_id = s.set_id AND s.set_name = repset_drop.set_name;
    DELETE FROM spock.replication_set s USING spock.local_node l WHERE s.set_nodeid = l.node_id AND s.set_name = repset_drop.set_name;
    IF NOT FOUND AND NOT ifexists THEN
        RAISE EXCEPTION 'replication set % not found', set_name USING ERRCODE = 'undefined_object';
    END IF;
    RETURN FOUND;
END
$$;

-- A table's triggers make it replicated; the set it is in decides nothing here.
CREATE FUNCTION spock.repset_add_table(set_name name, relation regclass, synchronize_data boolean DEFAULT false,
    columns text[] DEFAULT NULL, row_filter text DEFAULT NULL, include_partitions boolean DEFAULT true) RETURNS boolean
LANGUAGE plpgsql SET spock.enable_ddl_replication = off AS $$
BEGIN
    IF synchronize_data OR columns IS NOT NULL OR row_filter IS NOT NULL THEN
        RAISE EXCEPTION 'this stand-in cannot synchronize data, choose columns or filter rows' USING ERRCODE = 'feature_not_supported';
    END IF;
    IF set_name <> 'default_insert_only' AND spock.key_columns(relation) IS NULL THEN
        RAISE EXCEPTION 'table % cannot be added to replication set %', relation, set_name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'table does not have PRIMARY KEY and given replication set is configured to replicate UPDATEs and/or DELETEs',
                  HINT = 'Add a PRIMARY KEY to the table';
    END IF;
    PERFORM spock.attach_table(relation, set_name);
    RETURN true;
END
$$;

CREATE FUNCTION spock.repset_add_all_tables(set_name name, schema_names text[], synchronize_data boolean DEFAULT false) RETURNS boolean
STRICT LANGUAGE plpgsql AS $$
BEGIN
    PERFORM spock.repset_add_table(set_name, c.oid::regclass, synchronize_data)
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname = ANY (schema_names)
        AND (set_name = 'default_insert_only' OR spock.key_columns(c.oid) IS NOT NULL);
    RETURN true;
END
$$;

CREATE FUNCTION spock.repset_remove_table(set_name name, relation regclass, include_partitions boolean DEFAULT true) RETURNS boolean
STRICT LANGUAGE plpgsql SET spock.enable_ddl_replication = off AS $$
BEGIN
    DELETE FROM spock.replication_set_table t USING spock.replication_set s
     WHERE t.set_id = s.set_id AND s.set_name = repset_remove_table.set_name AND t.set_reloid = relation;
    EXECUTE format('DROP TRIGGER spock_insert ON %s', relation);
    EXECUTE format('DROP TRIGGER spock_update ON %s', relation);
    EXECUTE format('DROP TRIGGER spock_delete ON %s', relation);
    EXECUTE format('DROP TRIGGER spock_truncate ON %s', relation);
    RETURN true;
END
$$;

CREATE VIEW spock.tables AS
    SELECT c.oid AS relid, n.nspname, c.relname, s.set_name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN (spock.replication_set_table t JOIN spock.replication_set s USING (set_id)
                 JOIN spock.local_node l ON l.node_id = s.set_nodeid) ON t.set_reloid = c.oid
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
       AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'spock');
