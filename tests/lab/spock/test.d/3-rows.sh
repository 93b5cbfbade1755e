# shellcheck shell=bash
# Changes of rows.
app 1 "create table item (a int, b text, data text, unique (data), primary key (b, a))" \
  "insert into item select g, 'k' || g, 'd' || g from generate_series(1, 20) g" >/dev/null
arrives "rows with a key of two columns" 20 "select count(*) from item" 2 3
app 2 "update item set data = 'changed' where a = 3" "update item set a = a + 100 where a <= 2" "delete from item where a in (19, 20)" >/dev/null
arrives "updates, changed keys and deletes" "18,changed,2" \
  "select count(*) || ',' || max(data) filter (where a = 3) || ',' || count(*) filter (where a > 100) from item" 1 3
app 3 "insert into item values (3, 'k3', 'upserted') on conflict (b, a) do update set data = excluded.data" >/dev/null
arrives "insert on conflict" upserted "select data from item where a = 3" 1 2

app 1 "create table parent (id int primary key)" \
  "create table child (id int primary key, parent int references parent on delete cascade on update cascade)" \
  "insert into parent select generate_series(1, 5)" "insert into child select g, g from generate_series(1, 5) g" >/dev/null
arrives "rows with foreign keys" 5 "select count(*) from child" 2 3
app 2 "delete from parent where id = 1" "update parent set id = 50 where id = 5" >/dev/null
arrives "cascades" "2,3,4,50" "select string_agg(parent::text, ',' order by parent) from child" 1 3
app 3 "truncate parent cascade" >/dev/null
arrives "truncate with cascade" 0 "select (select count(*) from child) + (select count(*) from parent)" 1 2 3

app 2 "create table keyless (n int, t text)" "insert into keyless values (1, 'a'), (1, 'a'), (2, null)" >/dev/null
arrives "rows without a key" 3 "select count(*) from keyless" 1 3
app 2 "delete from keyless where n = 2" "insert into keyless values (3, 'c')" >/dev/null
arrives "without a key only inserts replicate" 4 "select count(*) from keyless" 1 3
app 2 "alter table keyless add column id bigint generated always as identity primary key" >/dev/null
app 2 "truncate keyless" "insert into keyless values (9, 'i')" "update keyless set t = 'later'" >/dev/null
arrives "a key added later" later "select string_agg(t, ',') from keyless" 1 3
arrives "the set follows the key" default "select set_name from spock.tables where relname = 'keyless'" 1 2 3

app 2 "create type mood as enum ('ok', 'bad')" "create table kinds (at timestamptz, span interval, id bigint generated always as identity,
    doc jsonb, raw json, bin bytea, nums numeric[], m mood, f float8, twice bigint generated always as (2 * n) stored, n bigint, txt text, primary key (at, span))" \
  "insert into kinds (at, span, doc, raw, bin, nums, m, f, n, txt) values ('2026-01-02 03:04:05.678+09', '1 mon 2 days', '{\"b\": 1, \"a\": [null]}',
    '{ \"z\" : 1,  \"z\":2 }', '\\xdeadbeef', '{1.50,NaN,-3}', 'bad', 0.1, 9007199254740993, E'tab\\t\"quote\" \\\\ ü')" >/dev/null
for node in 1 3; do
  arrives "every kind of value on n$node" "$(admin 2 "set timezone = 'UTC'" "select md5(k::text), raw from kinds k")" "set timezone = 'UTC'; select md5(k::text), raw from kinds k" "$node"
done
app 1 "update kinds set txt = 'by n1'" >/dev/null
arrives "a key of time and interval" "by n1" "select txt from kinds" 2 3

app 1 "create table trick (id int primary key, n int default 0)" \
  "create function bump() returns trigger language plpgsql as \$\$ begin update trick set n = n + 1 where id = new.id; return null; end \$\$" \
  "create trigger bump after insert on trick for each row execute function bump()" "insert into trick values (1), (2)" >/dev/null
arrives "a trigger of the table acts once" "1,1" "select string_agg(n::text, ',') from trick" 1 2 3

app 1 "create table part (id int, day date, primary key (id, day)) partition by range (day)" \
  "create table part_2026 partition of part for values from ('2026-01-01') to ('2027-01-01')" \
  "insert into part values (1, '2026-05-05')" "insert into part_2026 values (2, '2026-06-06')" >/dev/null
arrives "partitions" 2 "select count(*) from part" 2 3

app 1 "create table many (id int primary key, data text)" >/dev/null
started=$(date +%s%N)
app 1 "insert into many select g, repeat('x', 100) || g from generate_series(1, 10000) g" >/dev/null
written=$(date +%s%N)
arrives "10000 rows in one statement" 10000 "select count(*) from many" 2 3
printf '      %s ms to write, %s ms until both others have them\n' $(((written - started) / 1000000)) $((($(date +%s%N) - written) / 1000000))
started=$(date +%s%N)
app 2 "update many set data = 'u' || id" >/dev/null
arrives "10000 updates in one statement" 10000 "select count(*) from many where data = 'u' || id" 1 3
printf '      %s ms in all\n' $((($(date +%s%N) - started) / 1000000))
app 3 "delete from many where id > 10" >/dev/null
arrives "9990 deletes in one statement" 10 "select count(*) from many" 1 2
