/*
 * Spock's output plugin by its name. What it sends is what the server's own
 * plugin sends, for the apply workers are the server's own, too.
 */
#include "postgres.h"

#include "fmgr.h"
#include "replication/output_plugin.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	LogicalOutputPluginInit init = (LogicalOutputPluginInit)
		load_external_function("pgoutput", "_PG_output_plugin_init", true, NULL);

	init(callbacks);
}
