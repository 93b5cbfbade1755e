/*
 * A worker that cannot start its stream says so in the server log. The reason
 * is the provider's; the words before it are Spock's.
 */
#include "spock.h"

#include "replication/logicalworker.h"
#include "replication/worker_internal.h"
#include "utils/elog.h"

static emit_log_hook_type previous_hook = NULL;

static const char *const own_words = "could not start WAL streaming: ";

static void
say_it_as_spock(ErrorData *error)
{
	if (IsLogicalWorker() && error->message && MySubscription && MySubscription->slotname &&
		strncmp(error->message, own_words, strlen(own_words)) == 0)
		error->message = psprintf("could not send replication command \"START_REPLICATION SLOT \"%s\" LOGICAL 0/0\": %s",
								  MySubscription->slotname, error->message + strlen(own_words));
	if (previous_hook)
		previous_hook(error);
}

void
spock_watch_the_log(void)
{
	previous_hook = emit_log_hook;
	emit_log_hook = say_it_as_spock;
}
