# shellcheck shell=bash
# sub_show_status() says what Spock's says, which is whether a worker runs.
status() { printf "select status from spock.sub_show_status('%s')" "$1"; }
admin 1 "select spock.sub_disable('sub_n2_n1')" >/dev/null
arrives "disabled" disabled "$(status sub_n2_n1)" 1
admin 1 "select spock.sub_enable('sub_n2_n1')" >/dev/null
arrives "enabled again" replicating "$(status sub_n2_n1)" 1

stop 3 immediate
arrives "down when the provider is gone" down "$(status sub_n3_n1)" 1
same "the others go on" replicating "$(admin 1 "$(status sub_n2_n1)")"
app 1 "create table while_away (id int primary key)" "insert into while_away values (1)" >/dev/null
app 2 "update hot set who = 'while away' where id = 5" >/dev/null
start 3
arrives "replicating when it is back" 2 "select count(*) from spock.sub_show_status() where status = 'replicating'" 1 2 3
arrives "what it missed" "1 while away" "select (select id from while_away) || ' ' || (select who from hot where id = 5)" 3
app 3 "insert into while_away values (2)" >/dev/null
arrives "what it writes" 2 "select count(*) from while_away" 1 2

# a provider that is there but does not answer: every process of n2 is stopped in its tracks
mapfile -t frozen < <(postmaster=$(head -1 "$home/n2/postmaster.pid"); echo "$postmaster"; pgrep -P "$postmaster")
kill -STOP "${frozen[@]}"
app 1 "insert into while_away values (3)" >/dev/null
arrives "who answers has it" 3 "select count(*) from while_away" 3
kill -CONT "${frozen[@]}"
arrives "replicating when it answers" 2 "select count(*) from spock.sub_show_status() where status = 'replicating'" 1 2 3
arrives "what it missed while it did not answer" 3 "select count(*) from while_away" 2

slot=$(admin 2 "select active_pid from pg_replication_slots where slot_name = 'spk_app_n2_sub_n2_n1'")
admin 1 "select spock.sub_disable('sub_n2_n1')" >/dev/null
arrives "the provider's slot is free" f "select active from pg_replication_slots where slot_name = 'spk_app_n2_sub_n2_n1'" 2
admin 2 "select pg_drop_replication_slot('spk_app_n2_sub_n2_n1')" >/dev/null
admin 1 "select spock.sub_enable('sub_n2_n1')" >/dev/null
arrives "down without its slot (was held by $slot)" down "$(status sub_n2_n1)" 1
admin 2 "select pg_create_logical_replication_slot('spk_app_n2_sub_n2_n1', 'spock_output')" >/dev/null
arrives "replicating with a new slot" replicating "$(status sub_n2_n1)" 1

xid=$(app 1 "begin; insert into while_away values (4); select pg_current_xact_id(); commit")
arrives "how far a node was read is the time of the commit that was applied last" "$(admin 1 "select extract(epoch from pg_xact_commit_timestamp('$xid'::xid))")" \
  "select extract(epoch from p.remote_commit_ts) from spock.progress p join spock.node n on n.node_id = p.remote_node_id where n.node_name = 'n1'" 2 3
