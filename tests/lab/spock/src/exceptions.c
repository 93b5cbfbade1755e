/*
 * Under "spock.exception_behaviour = sub_disable" the first transaction that
 * cannot be applied disables its subscription. PostgreSQL's apply worker does
 * that itself if it is told to; what Spock notes of it has to survive the end
 * of the transaction that failed, so it is written as part of the disabling.
 */
#include "spock.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "replication/logicalworker.h"
#include "replication/worker_internal.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* the statement to run when the subscription is disabled; NULL when it is not to be */
static char *note = NULL;

PG_FUNCTION_INFO_V1(spock_disable_on_error);

/* disable_on_error(statement): the error that is raised next disables the subscription, and runs this */
Datum
spock_disable_on_error(PG_FUNCTION_ARGS)
{
	if (!IsLogicalWorker() || MySubscription == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("only an apply worker can disable its subscription")));
	MySubscription->disableonerr = true;
	note = MemoryContextStrdup(TopMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

static void
write_note(XactEvent event, void *argument)
{
	char	   *statement = note;

	/* The transaction that failed has been rolled back: the next one that commits disables the subscription. */
	if (statement == NULL || event != XACT_EVENT_PRE_COMMIT)
		return;
	note = NULL;
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	SPI_execute(statement, false, 0);
	SPI_finish();
	PopActiveSnapshot();
}

void
spock_watch_commits(void)
{
	RegisterXactCallback(write_note, NULL);
}
