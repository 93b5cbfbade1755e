# shellcheck shell=bash
# All nodes write at the same moment; afterwards all hold the same. Each deletes only what no other one writes: Spock takes
# an update of a row that was deleted meanwhile for an error.
app 1 "create table hot (id int primary key, n int, who text)" "insert into hot select g, 0, 'start' from generate_series(1, 10) g" >/dev/null
arrives "the rows to quarrel about" 10 "select count(*) from hot" 2 3

writers=()
for node in 1 2 3; do
  for writer in 1 2; do
    app "$node" "do \$\$ declare pick int; begin
      for i in 1..300 loop
        pick := 1 + floor(random() * 10);
        update hot set n = n + 1, who = 'n$node/$writer' where id = pick;
        commit;   -- one row each: two rows may be locked in two orders, as in any database
        insert into hot values ($node * 1000 + i, $node, 'n$node/$writer') on conflict (id) do update set who = excluded.who;
        commit;
        if i % 10 = 0 then delete from hot where id = $node * 1000 + i - floor(random() * 9)::int; end if;
        commit;
      end loop; end \$\$" >"$home/writer-$node-$writer" & writers+=($!)
  done
done
for writer in "${writers[@]}"; do wait "$writer" || bad "a writer failed" "$(cat "$home"/writer-*-*)"; done
app 1 "insert into hot values (0, 0, 'end n1')" >/dev/null
app 2 "insert into hot values (-1, 0, 'end n2')" >/dev/null
app 3 "insert into hot values (-2, 0, 'end n3')" >/dev/null
arrives "the last row of each node" 3 "select count(*) from hot where id <= 0" 1 2 3
for node in 2 3; do
  same "n$node holds what n1 holds after 3600 conflicting writes" "$(admin 1 "select * from hot order by id")" "$(admin "$node" "select * from hot order by id")"
done

# the same new key on every node at once
for round in 1 2 3; do
  inserts=()
  for node in 1 2 3; do app "$node" "insert into hot select g, $node, 'r$round' from generate_series(${round}0000, ${round}0050) g" >/dev/null 2>&1 & inserts+=($!); done
  for insert in "${inserts[@]}"; do wait "$insert" || true; done
done
app 3 "insert into hot values (-3, 0, 'end')" >/dev/null; app 1 "insert into hot values (-4, 0, 'end')" >/dev/null; app 2 "insert into hot values (-5, 0, 'end')" >/dev/null
arrives "the rows after the rounds" 3 "select count(*) from hot where who = 'end'" 1 2 3
for node in 2 3; do
  same "n$node holds what n1 holds after equal keys" "$(admin 1 "select * from hot order by id")" "$(admin "$node" "select * from hot order by id")"
done
arrives "no rows stay in the queue" 0 "select count(*) from spock.queue" 1 2 3
for node in 1 2 3; do admin "$node" "vacuum spock.queue" >/dev/null; done
arrives "the queue takes no room" t "select pg_total_relation_size('spock.queue') < 1000000" 1 2 3
same "nothing was given up, but perhaps the twin table" "" \
  "$(for node in 1 2 3; do admin "$node" "select distinct coalesce(ddl_statement, operation || ' ' || table_name || ' ' || error_message) from spock.exception_log where ddl_statement is distinct from 'create table twin (id int primary key, side text)'"; done | sort -u | grep . || true)"
