/*
 * Talks to another node while a subscription is made or dropped. A slot cannot
 * be made from inside a transaction by SQL, but over a connection of its own it can.
 */
#include "spock.h"

#include <stdlib.h>

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/walreceiver.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/tuplestore.h"

static WalReceiverConn *
connect_to(const char *dsn, bool replication)
{
	WalReceiverConn *connection;
	char	   *problem = NULL;

	load_file("libpqwalreceiver", false);
	connection = walrcv_connect(dsn, replication, true, false, "spock", &problem);
	if (connection == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("could not connect to the postgresql server: %s", problem)));
	return connection;
}

/* The first columns of the first row as text; NULL when there is no row, or no value. */
static void
ask(WalReceiverConn *connection, const char *query, int columns, char **answer)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	WalRcvExecResult *result;

	Assert(columns <= lengthof(types));
	memset(answer, 0, columns * sizeof(char *));
	result = walrcv_exec(connection, query, columns, types);

	if (result->status != WALRCV_OK_TUPLES)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_EXCEPTION),
				 errmsg("could not run \"%s\" on the other node: %s", query,
						result->err ? result->err : "no rows returned")));
	if (result->tuplestore)
	{
		TupleTableSlot *row = MakeSingleTupleTableSlot(result->tupledesc, &TTSOpsMinimalTuple);

		if (tuplestore_gettupleslot(result->tuplestore, true, false, row))
		{
			for (int i = 0; i < columns; i++)
			{
				bool		is_null;
				Datum		value = slot_getattr(row, i + 1, &is_null);

				if (!is_null)
					answer[i] = TextDatumGetCString(value);
			}
		}
		ExecDropSingleTupleTableSlot(row);
	}
	walrcv_clear_result(result);
}

PG_FUNCTION_INFO_V1(spock_provider_query);

/* provider_query(dsn, query): one value from another node */
Datum
spock_provider_query(PG_FUNCTION_ARGS)
{
	WalReceiverConn *connection = connect_to(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	char	   *answer = NULL;

	PG_TRY();
	{
		ask(connection, text_to_cstring(PG_GETARG_TEXT_PP(1)), 1, &answer);
	}
	PG_FINALLY();
	{
		walrcv_disconnect(connection);
	}
	PG_END_TRY();
	if (answer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}

PG_FUNCTION_INFO_V1(spock_provider_slot_create);

/*
 * provider_slot_create(dsn, slot, copy): make the slot of a subscription. With
 * a copy command, run it while the slot's snapshot is held: what it copies and
 * what the slot will deliver then meet without a gap. The command finds the
 * snapshot's name and the folder of the server's programs in its environment.
 */
Datum
spock_provider_slot_create(PG_FUNCTION_ARGS)
{
	char	   *slot = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *copy = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	WalReceiverConn *connection = connect_to(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
	XLogRecPtr	position = InvalidXLogRecPtr;

	PG_TRY();
	{
		/* slot_name, consistent_point, snapshot_name, output_plugin */
		char	   *made[4];
		char	   *snapshot;

		ask(connection, psprintf("CREATE_REPLICATION_SLOT %s LOGICAL spock_output (SNAPSHOT '%s')",
								 quote_identifier(slot), copy ? "export" : "nothing"), 4, made);
		position = DatumGetLSN(DirectFunctionCall1(pg_lsn_in, CStringGetDatum(made[1])));
		snapshot = made[2];

		if (copy)
		{
			int			status;
			char		programs[MAXPGPATH];

			snprintf(programs, sizeof(programs), "%s", my_exec_path);
			get_parent_directory(programs);
			setenv("SPOCK_PROGRAMS", programs, 1);
			setenv("SPOCK_SNAPSHOT", snapshot ? snapshot : "", 1);
			status = system(copy);
			unsetenv("SPOCK_SNAPSHOT");
			unsetenv("SPOCK_PROGRAMS");
			if (status != 0)
				ereport(ERROR,
						(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
						 errmsg("could not copy the other node: %s", wait_result_to_str(status))));
		}
	}
	PG_FINALLY();
	{
		walrcv_disconnect(connection);
	}
	PG_END_TRY();
	PG_RETURN_LSN(position);
}
