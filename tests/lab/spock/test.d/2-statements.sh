# shellcheck shell=bash
# Changes of the schema, as the role app makes them.
same "says that it replicates" "INFO:  DDL statement replicated." "$(app 1 'create table demo (id int primary key, data text)')"
arrives "a table is there" 0 "select count(*) from demo" 2 3
same "its owner is the same" "app" "$(admin 3 "select tableowner from pg_tables where tablename = 'demo'")"
app 2 "insert into demo values (1, 'from n2')" >/dev/null
arrives "a row from n2" "from n2" "select data from demo where id = 1" 1 3
app 3 "insert into demo values (2, 'from n3')" >/dev/null
arrives "a row from n3" "from n3" "select data from demo where id = 2" 1 2

app 3 "alter table demo add column note text default 'none'; update demo set note = 'x' where id = 1; create index demo_note on demo (note)" >/dev/null
arrives "several statements in one string, each once" "x,none" "select string_agg(note, ',' order by id) from demo" 1 2
arrives "an index" 1 "select count(*) from pg_indexes where indexname = 'demo_note'" 1 2 3

app 1 "begin; create table gone (id int primary key); insert into gone values (1); rollback" >/dev/null || true
app 1 "begin" "create table kept (id int primary key)" "insert into kept values (7)" "savepoint s" "insert into kept values (8)" \
  "rollback to s" "insert into kept values (9)" "commit" >/dev/null
arrives "a transaction with statements and rows" "7,9" "select string_agg(id::text, ',' order by id) from kept" 2 3
same "nothing of a transaction that was rolled back" "" "$(admin 2 "select to_regclass('gone')")"

app 2 "create schema proof" 'create table proof."Odd ""name%" ("Key col" int primary key, "%s" text)' \
  "insert into proof.\"Odd \"\"name%\" values (1, '%I')" >/dev/null
arrives "a schema, odd names" '%I' 'select "%s" from proof."Odd ""name%"' 1 3
app 2 "create schema inner_one create table nested (id int primary key) create view seen as select id from nested" >/dev/null
arrives "a schema with its parts" 0 "select count(*) from inner_one.seen" 1 3
app 1 "create function twice(n int) returns int language sql as 'select n * 2'" >/dev/null
arrives "a function" 42 "select twice(21)" 2 3
app 1 "do \$\$ begin execute 'create table by_block (id int primary key)'; insert into by_block values (5); end \$\$" >/dev/null
arrives "a statement run by a block" 5 "select id from by_block" 2 3
contains "create table as warns" "DDL statement replicated, but could be unsafe." "$(app 1 "create table copied as select * from demo" || true)"
arrives "create table as" 2 "select count(*) from copied" 2 3
admin 1 "set search_path to proof, public" "create table in_path (id int primary key)" >/dev/null
arrives "the search path goes along" "proof.in_path" "select to_regclass('proof.in_path')" 2 3
admin 1 "create role reader" "grant select on demo to reader" "create extension hstore" >/dev/null
arrives "a role and its right" t "select has_table_privilege('reader', 'demo', 'select')" 2 3
arrives "an extension" hstore "select extname from pg_extension where extname = 'hstore'" 2 3

contains "a temporary table stays here" "This DDL statement will not be replicated." "$(app 1 "create temp table mine (id int); drop table mine" || true)"
contains "an index made concurrently stays here" "This DDL statement will not be replicated." "$(app 1 "create index concurrently slow on demo (data)" || true)"

app 3 "drop table proof.in_path" "drop schema proof cascade" "drop schema inner_one cascade" "drop table if exists never_was" >/dev/null
arrives "dropped tables and schemas" 0 "select count(*) from pg_namespace where nspname in ('proof', 'inner_one')" 1 2

# the same table made on two nodes at once: each keeps its own, the mesh goes on
app 1 "create table twin (id int primary key, side text)" >/dev/null & one=$!
app 2 "create table twin (id int primary key, side text)" >/dev/null & two=$!
wait $one || true; wait $two || true
app 1 "insert into twin values (1, 'n1')" >/dev/null
arrives "the mesh goes on after a clash of statements" n1 "select side from twin" 1 2 3
