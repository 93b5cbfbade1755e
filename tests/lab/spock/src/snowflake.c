/*
 * Stands in for the snowflake extension: accepted in shared_preload_libraries,
 * accepts its one setting, does nothing.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

static int	node = 0;

void
_PG_init(void)
{
	DefineCustomIntVariable("snowflake.node", "number of this node in the mesh", NULL,
							&node, 0, 0, 1023, PGC_SUSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("snowflake");
}
