# shellcheck shell=bash
# Three servers, wired as init-spock does it: all six at once.
for node in 1 2 3; do create_server "$node"; done
pairs=()
for from in 1 2 3; do
  for to in 1 2 3; do
    [ "$from" = "$to" ] || { subscribe "$from" "$to" & pairs+=($!); }
  done
done
for pair in "${pairs[@]}"; do wait "$pair" || bad "a subscription was not made" "$(cat "$home/last-error")"; done

arrives "every subscription replicates" 2 "select count(*) from spock.sub_show_status() where status = 'replicating'" 1 2 3
same "columns of sub_show_status" "subscription_name,status,provider_node,provider_dsn,slot_name,replication_sets,forward_origins" \
  "$(admin 1 "select string_agg(name, ',' order by n) from pg_proc, unnest(proargnames) with ordinality a (name, n) where proname = 'sub_show_status' and n > 1")"
same "names as Spock makes them" "sub_n3_n1|n3|spk_app_n3_sub_n3_n1|{default,default_insert_only,ddl_sql}|" \
  "$(admin 1 "select subscription_name, provider_node, slot_name, replication_sets, forward_origins from spock.sub_show_status('sub_n3_n1')")"
same "node numbers as Spock makes them" "49708,26863,9057" \
  "$(admin 1 "select string_agg(node_id::text, ',' order by node_name) from spock.node")"
contains "a plain role may not look into spock" "permission denied for schema spock" "$(app 1 'select * from spock.sub_show_status()' || true)"
contains "an unknown setting of spock is refused" 'invalid configuration parameter name "spock.conflict_resolutoin"' \
  "$(admin 1 "set spock.conflict_resolutoin = 'error'" || true)"
same "a worker that does not get through gives up and tries again" "30,30" \
  "$(admin 1 "select string_agg(substring(subconninfo from 'connect_timeout=([0-9]+)'), ',') from pg_subscription")"
same "the options of a worker fit both forms of a dsn" \
  "postgresql://h/d?connect_timeout=30,postgres://h/d?a=b&connect_timeout=30,host=h connect_timeout=30" \
  "$(admin 1 "select string_agg(substring(spock.worker_dsn(dsn) from '^.*connect_timeout=30'), ',' order by n)
     from unnest(array['postgresql://h/d', 'postgres://h/d?a=b', 'host=h']) with ordinality a (dsn, n)")"
