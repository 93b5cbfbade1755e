-- A subscription of Spock is a native one of the same name to the other node's
-- queue. It is complete from the start, so it never has to be refreshed.

CREATE FUNCTION spock.spock_gen_slot_name(name, name, name) RETURNS name
IMMUTABLE STRICT LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT format('spk_%s_%s_%s', lower($1), lower($2), lower($3))::name
$$;

-- The shell command that copies another node's database into this one, under
-- the snapshot of the new slot. "replica" keeps this node from telling the copy
-- to others; the tables bring their capture triggers along. The versions of the
-- rows come too: without them an older change that is still on its way from a
-- third node would overwrite what was copied. Files go to the server's working
-- directory, its data: elsewhere a container may be read-only.
CREATE FUNCTION spock.copy_command(provider_dsn text, structure boolean, data boolean) RETURNS text
STABLE LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT format($shell$set -e
PATH=$SPOCK_PROGRAMS:$PATH
provider=%s
copy=$(mktemp -d ./spock-copy.XXXXXX)
trap 'rm -rf "$copy"' EXIT
here() { PGOPTIONS='-c session_replication_role=replica -c spock.include_ddl_repset=off' psql -Xq -v ON_ERROR_STOP=1 %s "$@" >/dev/null; }
pg_dump --snapshot="$SPOCK_SNAPSHOT" --exclude-schema=spock --exclude-extension=spock --no-publications --no-subscriptions %s --file="$copy/dump" "$provider"
here --file="$copy/dump"
psql -Xq -v ON_ERROR_STOP=1 "$provider" >"$copy/versions" <<SQL
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET TRANSACTION SNAPSHOT '$SPOCK_SNAPSHOT';
SET search_path = pg_catalog;
COPY (SELECT v.* FROM spock.row_version v WHERE relid IN (SELECT oid FROM pg_class)) TO STDOUT;
SQL
here --command="\copy spock.row_version from '$copy/versions'"
$shell$,
        spock.shell_quote(provider_dsn),
        spock.shell_quote(format('host=%s port=%s dbname=%s', split_part(current_setting('unix_socket_directories'), ', ', 1),
                                 current_setting('port'), current_database())),
        CASE WHEN structure AND data THEN '' WHEN structure THEN '--schema-only' ELSE '--data-only' END)
$$;

CREATE FUNCTION spock.shell_quote(value text) RETURNS text
IMMUTABLE LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT '''' || replace(value, '''', '''\''''') || ''''
$$;

-- As Spock's own workers connect: a worker whose packets go astray gives up after half a minute and tries again. By the kernel's
-- own patience it would be two minutes.
CREATE FUNCTION spock.worker_dsn(dsn text) RETURNS text
IMMUTABLE STRICT LANGUAGE sql AS $$
    SELECT CASE WHEN dsn ~ '^postgres(ql)?://' THEN dsn || CASE WHEN dsn ~ '[?]' THEN '&' ELSE '?' END || replace(options, ' ', '&')
                ELSE dsn || ' ' || options END
      FROM (VALUES ('connect_timeout=30 keepalives=1 keepalives_idle=20 keepalives_interval=20 keepalives_count=5')) o (options)
$$;

CREATE FUNCTION spock.sub_create(subscription_name name, provider_dsn text,
    replication_sets text[] DEFAULT '{default,default_insert_only,ddl_sql}', synchronize_structure boolean DEFAULT false,
    synchronize_data boolean DEFAULT false, forward_origins text[] DEFAULT '{}', apply_delay interval DEFAULT '0',
    force_text_transfer boolean DEFAULT false, enabled boolean DEFAULT true, skip_schema text[] DEFAULT '{}') RETURNS oid
STRICT LANGUAGE plpgsql SET spock.enable_ddl_replication = off AS $$
DECLARE
    local record;
    provider name;
    origin oid;
    slot name;
    id oid := spock.identify(subscription_name::text);
BEGIN
    SELECT n.node_id, i.if_id INTO local FROM spock.local_node n JOIN spock.node_interface i ON i.if_id = n.node_local_interface;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'current database is not configured as spock node'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'create the node first with spock.node_create()';
    END IF;
    IF EXISTS (SELECT FROM spock.subscription WHERE sub_name = subscription_name) THEN
        RAISE EXCEPTION 'subscription "%" already exists', subscription_name USING ERRCODE = 'duplicate_object';
    END IF;
    provider := spock.provider_query(provider_dsn, 'SELECT node_name::text FROM spock.local_node JOIN spock.node USING (node_id)');
    IF provider IS NULL THEN
        RAISE EXCEPTION 'the database "%" is not configured as spock node', provider_dsn USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    slot := spock.spock_gen_slot_name(current_database(), provider, subscription_name);

    -- before the first write of this transaction: making a slot waits for the
    -- writing transactions of its node, and that node may be waiting for this one
    IF synchronize_structure OR synchronize_data
       OR spock.provider_query(provider_dsn, format('SELECT slot_name::text FROM pg_replication_slots WHERE slot_name = %L', slot)) IS NULL THEN
        PERFORM spock.provider_slot_create(provider_dsn, slot,
            CASE WHEN synchronize_structure OR synchronize_data
                 THEN spock.copy_command(provider_dsn, synchronize_structure, synchronize_data) END);
    END IF;

    origin := spock.know_node(provider, provider_dsn);
    INSERT INTO spock.subscription (sub_id, sub_name, sub_origin, sub_target, sub_origin_if, sub_target_if, sub_enabled, sub_slot_name,
                                    sub_replication_sets, sub_forward_origins, sub_apply_delay, sub_force_text_transfer, sub_skip_schema)
    SELECT id, subscription_name, origin, local.node_id, i.if_id, local.if_id, enabled, slot,
           replication_sets, nullif(forward_origins, '{}'), apply_delay, force_text_transfer, nullif(array_to_string(skip_schema, ','), '')
      FROM spock.node_interface i WHERE i.if_nodeid = origin AND i.if_name = provider;
    EXECUTE format('CREATE SUBSCRIPTION %I CONNECTION %L PUBLICATION spock_queue WITH (create_slot = false, slot_name = %L,
                    copy_data = false, origin = none, run_as_owner = true, enabled = %s)', subscription_name, spock.worker_dsn(provider_dsn), slot, enabled::text);
    RETURN id;
END
$$;

-- The slot at the provider goes too, if the provider can be reached.
CREATE FUNCTION spock.sub_drop(subscription_name name, ifexists boolean DEFAULT false) RETURNS oid
STRICT LANGUAGE plpgsql SET spock.enable_ddl_replication = off AS $$
DECLARE
    gone record;
BEGIN
    SELECT s.sub_id, s.sub_slot_name, i.if_dsn INTO gone
      FROM spock.subscription s JOIN spock.node_interface i ON i.if_id = s.sub_origin_if WHERE s.sub_name = subscription_name;
    IF NOT FOUND THEN
        IF ifexists THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'subscription "%" not found', subscription_name USING ERRCODE = 'undefined_object';
    END IF;
    EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', subscription_name);
    EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', subscription_name);
    EXECUTE format('DROP SUBSCRIPTION %I', subscription_name);
    DELETE FROM spock.subscription WHERE sub_id = gone.sub_id;
    BEGIN
        PERFORM spock.provider_query(gone.if_dsn, format(
            'SELECT pg_terminate_backend(active_pid, 5000)::text FROM pg_replication_slots WHERE slot_name = %L AND active', gone.sub_slot_name));
        PERFORM spock.provider_query(gone.if_dsn, format(
            'SELECT pg_drop_replication_slot(slot_name)::text FROM pg_replication_slots WHERE slot_name = %L', gone.sub_slot_name));
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'could not drop slot "%" on provider, you will probably have to drop it manually: %', gone.sub_slot_name, sqlerrm;
    END;
    RETURN gone.sub_id;
END
$$;

CREATE FUNCTION spock.sub_switch(subscription_name name, new_state boolean) RETURNS boolean
STRICT LANGUAGE plpgsql SET spock.enable_ddl_replication = off AS $$
BEGIN
    UPDATE spock.subscription SET sub_enabled = new_state WHERE sub_name = subscription_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'subscription "%" not found', subscription_name USING ERRCODE = 'undefined_object';
    END IF;
    EXECUTE format('ALTER SUBSCRIPTION %I %s', subscription_name, CASE WHEN new_state THEN 'ENABLE' ELSE 'DISABLE' END);
    RETURN true;
END
$$;

CREATE FUNCTION spock.sub_enable(subscription_name name, immediate boolean DEFAULT false) RETURNS boolean
STRICT LANGUAGE sql AS $$ SELECT spock.sub_switch($1, true) $$;

CREATE FUNCTION spock.sub_disable(subscription_name name, immediate boolean DEFAULT false) RETURNS boolean
STRICT LANGUAGE sql AS $$ SELECT spock.sub_switch($1, false) $$;

-- "replicating" is said of every worker that runs, as Spock does: also of one that is still connecting, or whose provider has
-- stopped to answer. One that cannot connect runs for a moment at each of its starts.
CREATE FUNCTION spock.subscription_status(wanted name) RETURNS TABLE (sub_id oid, status text)
VOLATILE LANGUAGE plpgsql AS $$
BEGIN
    IF wanted IS NOT NULL AND NOT EXISTS (SELECT FROM spock.subscription WHERE sub_name = wanted) THEN
        RAISE EXCEPTION 'subscription "%" not found', wanted USING ERRCODE = 'undefined_object';
    END IF;
    RETURN QUERY
    SELECT s.sub_id,
           CASE WHEN NOT s.sub_enabled THEN 'disabled'
                WHEN w.pid IS NULL THEN 'down'
                WHEN clock_timestamp() < s.sub_created_at + interval '0.5 s' THEN 'initializing'
                ELSE 'replicating' END
      FROM spock.subscription s
      LEFT JOIN pg_stat_subscription w ON w.subname = s.sub_name AND w.worker_type = 'apply'
     WHERE wanted IS NULL OR s.sub_name = wanted;
END
$$;

CREATE FUNCTION spock.sub_show_status(subscription_name name DEFAULT NULL, OUT subscription_name text, OUT status text, OUT provider_node text,
    OUT provider_dsn text, OUT slot_name text, OUT replication_sets text[], OUT forward_origins text[]) RETURNS SETOF record
VOLATILE LANGUAGE sql AS $$
    SELECT s.sub_name::text, c.status, o.node_name::text, i.if_dsn, s.sub_slot_name::text, s.sub_replication_sets, s.sub_forward_origins
      FROM spock.subscription_status($1) c
      JOIN spock.subscription s USING (sub_id)
      JOIN spock.node o ON o.node_id = s.sub_origin
      JOIN spock.node_interface i ON i.if_id = s.sub_origin_if
     ORDER BY s.sub_id
$$;

-- Copying is over when sub_create() returns; what is left to wait for is the worker.
CREATE FUNCTION spock.sub_wait_for_sync(subscription_name name) RETURNS void
STRICT VOLATILE LANGUAGE plpgsql AS $$
BEGIN
    WHILE (SELECT s.status FROM spock.subscription_status(subscription_name) s) IN ('down', 'initializing') LOOP
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;

CREATE VIEW spock.lag_tracker AS
    SELECT o.node_name AS origin_name, t.node_name AS receiver_name,
           w.latest_end_time AS commit_timestamp, w.received_lsn AS last_received_lsn, w.latest_end_lsn AS remote_insert_lsn,
           greatest(pg_wal_lsn_diff(w.latest_end_lsn, w.received_lsn), 0) AS replication_lag_bytes,
           now() - w.latest_end_time AS replication_lag
      FROM spock.subscription s
      JOIN spock.node o ON o.node_id = s.sub_origin
      JOIN spock.node t ON t.node_id = s.sub_target
      LEFT JOIN pg_stat_subscription w ON w.subname = s.sub_name AND w.worker_type = 'apply';

-- How far each other node was read: when it committed what was applied here last. PostgreSQL keeps time and origin of each
-- commit; before anything was applied Spock shows the beginning of PostgreSQL's time. Of what was applied many transactions ago
-- nothing is shown.
CREATE VIEW spock.progress AS
    SELECT s.sub_target AS node_id, s.sub_origin AS remote_node_id,
           coalesce((SELECT max(t."timestamp")
                       FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) x
                      CROSS JOIN LATERAL generate_series(greatest(x.next - 100000, 3), x.next - 1) number
                      CROSS JOIN LATERAL pg_xact_commit_timestamp_origin(number::text::xid) t
                      WHERE t.roident = o.local_id::int), '2000-01-01 00:00:00+00') AS remote_commit_ts,
           coalesce(o.remote_lsn, '0/0') AS remote_lsn
      FROM spock.subscription s
      JOIN pg_subscription n ON n.subname = s.sub_name
      LEFT JOIN pg_replication_origin_status o ON o.external_id = 'pg_' || n.oid;
