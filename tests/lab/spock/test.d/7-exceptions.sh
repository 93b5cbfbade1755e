# shellcheck shell=bash
# What becomes of a transaction that cannot be applied, and of a subscription that cannot replicate.
setting() { admin "$1" "alter system set $2" "select pg_reload_conf()" >/dev/null; }
noted() { printf "select string_agg(format('%%s|%%s|%%s|%%s', operation, table_schema, table_name, error_message), ';' order by command_counter) from spock.exception_log where remote_xid = %s" "$1"; }
for node in 1 2 3; do admin "$node" "delete from spock.exception_log" >/dev/null; done

app 1 "create table here (id int primary key)" "create table lost (id int primary key)" >/dev/null
arrives "tables to lose rows of" 0 "select count(*) from lost" 2 3
admin 2 "set spock.enable_ddl_replication = off; drop table lost" >/dev/null
xid=$(app 1 "begin; insert into here values (1); insert into lost values (1); insert into here values (2); select pg_current_xact_id(); commit")
arrives "the other node has all of the transaction" 3 "select (select count(*) from here) + (select count(*) from lost)" 3
arrives "each change of the discarded transaction is noted, the missing relation without its name" \
  "INSERT|public|here|unknown;INSERT|||Spock can't find relation;INSERT|public|here|unknown" "$(noted "$xid")" 2
same "all of them have one time" 1 "$(admin 2 "select count(distinct remote_commit_ts) from spock.exception_log where remote_xid = $xid")"
app 1 "insert into here values (3)" >/dev/null
arrives "replication goes on behind it" "3" "select string_agg(id::text, ',') from here" 2
same "and says that it replicates" replicating "$(admin 2 "select status from spock.sub_show_status('sub_n1_n2')")"

app 1 "create table twice (id int primary key, code text unique)" >/dev/null
arrives "a table with a second unique column" 0 "select count(*) from twice" 2 3
admin 3 "set session_replication_role = replica; insert into twice values (9, 'same')" >/dev/null
app 1 "insert into twice values (1, 'same')" >/dev/null
arrives "a duplicate in a second unique column is discarded" \
  't' "select bool_and(table_name = 'twice' and error_message like 'duplicate key value%') from spock.exception_log" 3
arrives "where there is none it is applied" 1 "select count(*) from twice where id = 1" 2

app 1 "create table gone (id int primary key, data text)" "insert into gone select g, 'n1' from generate_series(1, 6) g" >/dev/null
arrives "rows to miss" 6 "select count(*) from gone" 2 3
admin 2 "set session_replication_role = replica; delete from gone where id <= 4" >/dev/null
missing="logical replication did not find row to be updated in replication target relation (public.gone)"
xid=$(app 1 "begin; insert into here values (11); update gone set data = 'changed' where id in (1, 5); select pg_current_xact_id(); commit")
arrives "an update of a row that is missing is noted as one, with what else its transaction had" \
  "INSERT|public|here|unknown;UPDATE|public|gone|$missing" "$(noted "$xid")" 2
xid=$(app 1 "begin; update gone set id = 102 where id = 2; select pg_current_xact_id(); commit")
arrives "an update of the key of a row that is missing, too" "UPDATE|public|gone|$missing;UPDATE|public|gone|unknown" "$(noted "$xid")" 2
app 1 "delete from gone where id = 3" "update gone set data = 'last' where id = 6" >/dev/null
arrives "a row that is missing need not be deleted" "5 n1,6 last" "select string_agg(id || ' ' || data, ',' order by id) from gone" 2
same "and that is no exception" 0 "$(admin 2 "select count(*) from spock.exception_log where operation = 'DELETE'")"
same "nothing of the discarded transactions is there" 0 "$(admin 2 "select count(*) from here where id = 11")"
arrives "where no row is missing all of it is applied" "1 changed,4 n1,5 changed,6 last,102 n1" "select string_agg(id || ' ' || data, ',' order by id) from gone" 3
admin 2 "insert into gone values (7, 'n2')" >/dev/null
arrives "a row of the other node" 6 "select count(*) from gone" 1 3
admin 2 "set session_replication_role = replica; delete from gone where id = 7" >/dev/null
app 3 "insert into gone values (7, 'n3') on conflict (id) do update set data = excluded.data" >/dev/null
arrives "an insertion that was an update where it was made is one elsewhere" "UPDATE|public|gone|$missing" \
  "select string_agg(concat_ws('|', operation, table_schema, table_name, error_message), ';') from spock.exception_log
   where remote_origin = (select node_id from spock.node where node_name = 'n3') and table_name = 'gone'" 2

app 1 "create table bulky (id bigint, filler text)" >/dev/null
arrives "a table for a big transaction" 0 "select count(*) from bulky" 2
worker=$(admin 2 "select pid from pg_stat_subscription where subname = 'sub_n1_n2'")
app 1 "insert into bulky select g, repeat('x', 80) from generate_series(1, 100000) g" >/dev/null
arrives "a big transaction" 100000 "select count(*) from bulky" 2
most=$(awk '/^VmHWM/ { hwm = $2 } /^RssShmem|^RssFile/ { shared += $2 } END { print hwm - shared }' "/proc/$worker/status")
if [ "$most" -lt 15000 ]; then ok "takes little memory ($most kB)"; else bad "a transaction of 100000 rows takes $most kB of its worker"; fi

app 1 "create table dawdled (n int)" >/dev/null
arrives "a table to be slow with" 0 "select count(*) from dawdled" 2
admin 2 "set spock.enable_ddl_replication = off; create function dawdle() returns trigger language plpgsql as 'begin perform pg_sleep(0.01); return new; end';
  create trigger dawdle before insert on dawdled for each row execute function dawdle(); alter table dawdled enable always trigger dawdle" >/dev/null
sender=$(admin 1 "select active_pid from pg_replication_slots where slot_name = 'spk_app_n1_sub_n1_n2'")
app 1 "insert into dawdled select generate_series(1, 900)" >/dev/null
arrives "a transaction that takes twice the provider's patience" 900 "select count(*) from dawdled" 2
same "does not end the connection" "$sender" "$(admin 1 "select active_pid from pg_replication_slots where slot_name = 'spk_app_n1_sub_n1_n2'")"

setting 2 "spock.exception_behaviour = 'discard'"
app 1 "begin; insert into here values (4); insert into lost values (4); insert into here values (5); commit" >/dev/null
arrives "discard leaves out the change alone" "3,4,5" "select string_agg(id::text, ',' order by id) from here" 2

setting 2 "spock.exception_behaviour = 'transdiscard'"
setting 2 "spock.exception_logging = 'none'"
xid=$(app 1 "begin; insert into here values (21); insert into lost values (21); select pg_current_xact_id(); commit")
app 1 "insert into here values (22)" >/dev/null
arrives "a transaction is discarded without a note where nothing is to be noted" "3,4,5,22" "select string_agg(id::text, ',' order by id) from here" 2
same "there is no note of it" "" "$(admin 2 "$(noted "$xid")")"
setting 2 "spock.exception_logging = 'discard'"
xid=$(app 1 "begin; insert into here values (23); insert into lost values (23); select pg_current_xact_id(); commit")
arrives "only what failed is noted where only that is to be" "INSERT|||Spock can't find relation" "$(noted "$xid")" 2
app 1 "delete from here where id = 22" >/dev/null
arrives "the other rows are as before" "3,4,5" "select string_agg(id::text, ',' order by id) from here" 2
admin 2 "alter system reset spock.exception_logging" "select pg_reload_conf()" >/dev/null

setting 2 "spock.exception_behaviour = 'sub_disable'"
xid=$(app 1 "begin; insert into here values (6); insert into lost values (6); select pg_current_xact_id(); commit")
arrives "sub_disable disables the subscription" disabled "select status from spock.sub_show_status('sub_n1_n2')" 2
contains "and notes it" "SUB_DISABLE|||disabling subscription sub_n1_n2 due to exception(s) - skip_lsn = " "$(admin 2 "$(noted "$xid")")"
contains "with the change" "INSERT|||Spock can't find relation" "$(admin 2 "$(noted "$xid")")"
app 1 "insert into here values (7)" >/dev/null
admin 2 "set spock.enable_ddl_replication = off; create table lost (id int primary key)" "select spock.sub_enable('sub_n1_n2')" >/dev/null
arrives "nothing is lost once the reason is gone" "3,4,5,6,7" "select string_agg(id::text, ',' order by id) from here" 2
arrives "the row that had no table, too" 6 "select max(id) from lost" 2
setting 2 "spock.exception_behaviour = 'transdiscard'"

# looks DOWN|REPLICATING SECONDS: how often that was seen of the subscription of n1 to n3
looks() {
  admin 1 "do \$\$ declare seen int := 0; looked int := 0; stop timestamptz := clock_timestamp() + interval '$2 s'; begin
    while clock_timestamp() < stop loop
      looked := looked + 1;
      if exists (select from spock.sub_show_status('sub_n3_n1') where status = '$1') then seen := seen + 1; end if;
      perform pg_sleep(0.0005);
    end loop;
    create temp table looks as select seen, looked; end \$\$; select seen from looks"
}
stop 3 immediate
arrives "a subscription that cannot connect is down" down "select status from spock.sub_show_status('sub_n3_n1')" 1
starts() { grep -c 'apply worker for subscription "sub_n3_n1" has started' "$home/n1.log" || true; }
before=$(starts)
seen=$(looks replicating 11 | tail -1)
started=$(($(starts) - before))
if [ "$started" = 2 ] || [ "$started" = 3 ]; then ok "its worker is started every five seconds"; else bad "in 11 s its worker was started $started times"; fi
if [ "$seen" -gt 0 ]; then ok "and is seen replicating at each restart of its worker ($seen looks)"; else bad "a worker that cannot connect was never seen"; fi
start 3
arrives "it comes back by itself" replicating "select status from spock.sub_show_status('sub_n3_n1')" 1

setting 1 "output_plugin_libraries = 'pgoutput'"
admin 2 "select spock.sub_disable('sub_n1_n2')" >/dev/null
arrives "its slot is free" f "select active from pg_replication_slots where slot_name = 'spk_app_n1_sub_n1_n2'" 1
admin 2 "select spock.sub_enable('sub_n1_n2')" >/dev/null
arrives "a server that does not name Spock's plugin refuses it" down "select status from spock.sub_show_status('sub_n1_n2')" 2
refusal="could not send replication command \"START_REPLICATION SLOT \"spk_app_n1_sub_n1_n2\" LOGICAL 0/0\": ERROR:  library \"spock_output\" may not be used as an output plugin"
end=$((SECONDS + patience))
while ! grep -qF "$refusal" "$home/n2.log" && [ $SECONDS -lt $end ]; do sleep 0.05; done   # between two looks
contains "and the log of the receiver says so" "$refusal" "$(tail -40 "$home/n2.log")"
admin 1 "alter system reset output_plugin_libraries" "select pg_reload_conf()" >/dev/null
arrives "it replicates once the plugin is named" replicating "select status from spock.sub_show_status('sub_n1_n2')" 2
