# shellcheck shell=bash
# A fourth node joins with a copy of n1, then leaves again.
create_server 4
admin 4 "create role reader" >/dev/null   # roles belong to a server, so a copy does not bring them
for from in 2 3; do
  admin "$from" "select pg_create_logical_replication_slot('spk_app_n${from}_sub_n${from}_n4', 'spock_output')" >/dev/null
done
subscribe 1 4 ", synchronize_structure := true, synchronize_data := true"
for from in 2 3; do subscribe "$from" 4; subscribe 4 "$from"; done
subscribe 4 1
arrives "the new node replicates" 3 "select count(*) from spock.sub_show_status() where status = 'replicating'" 1 2 3 4
arrives "it has the tables with their rows" "$(admin 1 "select count(*), md5(string_agg(h::text, ',' order by id)) from hot h")" \
  "select count(*), md5(string_agg(h::text, ',' order by id)) from hot h" 4
for node in 1 2 3 4; do app "$node" "insert into hot values (-10 - $node, 0, 'grown')" >/dev/null; done
arrives "rows of all four" 4 "select count(*) from hot where who = 'grown'" 1 2 3 4
app 4 "create table late (id int primary key)" "insert into late values (4)" >/dev/null
arrives "a table of the new node" 4 "select id from late" 1 2 3

for to in 1 2 3; do
  admin "$to" "select spock.sub_drop('sub_n4_n$to')" >/dev/null
  admin 4 "select spock.sub_drop('sub_n${to}_n4')" >/dev/null
done
for node in 1 2 3; do admin "$node" "select spock.node_drop('n4')" >/dev/null; done
arrives "no trace of it" "0 0" "select (select count(*) from spock.node where node_name = 'n4') || ' ' || (select count(*) from pg_replication_slots where slot_name like '%n4')" 1 2 3
app 1 "insert into hot values (-20, 0, 'three again')" >/dev/null
arrives "three go on" 1 "select count(*) from hot where who = 'three again'" 2 3
