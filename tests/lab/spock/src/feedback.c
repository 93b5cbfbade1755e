/*
 * Spock's apply worker answers its provider every few changes. PostgreSQL's
 * answers when it has done all that it was sent, and a big transaction takes
 * longer than wal_sender_timeout: the provider would end the connection, and
 * the worker would begin the same transaction again and again. So what was
 * answered last is said once more, once a second.
 */
#include "spock.h"

#include "access/xact.h"
#include "fmgr.h"
#include "port/pg_bswap.h"
#include "replication/logicalworker.h"
#include "replication/walreceiver.h"
#include "replication/worker_internal.h"
#include "utils/timestamp.h"

/* 'r', three positions, the time, and whether an answer is wanted */
#define ANSWER_LENGTH (1 + 4 * 8 + 1)
#define TIME_OFFSET (1 + 3 * 8)

static WalReceiverFunctionsType functions;
static walrcv_send_fn send_it = NULL;

/* Without positions as long as none was answered. */
static char last_answer[ANSWER_LENGTH] = {'r'};
static TimestampTz answered_at = 0;

static void
remember_and_send(WalReceiverConn *connection, const char *buffer, int length)
{
	if (length == ANSWER_LENGTH && buffer[0] == 'r')
	{
		memcpy(last_answer, buffer, length);
		answered_at = GetCurrentTimestamp();
	}
	send_it(connection, buffer, length);
}

/* A worker's first transaction is over before it sends anything. */
static void
listen_to_own_answers(XactEvent event, void *argument)
{
	if (send_it != NULL || WalReceiverFunctions == NULL || !IsLogicalWorker())
		return;
	functions = *WalReceiverFunctions;
	send_it = functions.walrcv_send;
	functions.walrcv_send = remember_and_send;
	WalReceiverFunctions = &functions;
}

void
spock_remember_answers(void)
{
	RegisterXactCallback(listen_to_own_answers, NULL);
}

PG_FUNCTION_INFO_V1(spock_still_here);

/* still_here(): called for each change that is applied */
Datum
spock_still_here(PG_FUNCTION_ARGS)
{
	TimestampTz now;
	uint64		time;

	if (send_it == NULL || LogRepWorkerWalRcvConn == NULL)
		PG_RETURN_VOID();
	now = GetCurrentTimestamp();
	if (!TimestampDifferenceExceeds(answered_at, now, 1000))
		PG_RETURN_VOID();
	time = pg_hton64((uint64) now);
	memcpy(last_answer + TIME_OFFSET, &time, sizeof(time));
	last_answer[ANSWER_LENGTH - 1] = 0;
	answered_at = now;
	send_it(LogRepWorkerWalRcvConn, last_answer, ANSWER_LENGTH);
	PG_RETURN_VOID();
}
