/*
 * The library a server names in shared_preload_libraries.
 *
 * It stands in for Spock in a test lab: the names and settings are Spock's,
 * the machinery is PostgreSQL's own logical replication (see ../README.md).
 */
#include "spock.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

/*
 * Spock brings its own apply workers. The stand-in borrows PostgreSQL's, whose
 * defaults are too small for a mesh (four workers) and slow to retry (five
 * seconds). A value in the server's configuration still wins over these.
 */
static void
make_room_for_apply_workers(void)
{
	SetConfigOption("max_logical_replication_workers", "24", PGC_POSTMASTER, PGC_S_DYNAMIC_DEFAULT);
	SetConfigOption("wal_retrieve_retry_interval", "1s", PGC_POSTMASTER, PGC_S_DYNAMIC_DEFAULT);
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("spock is not in shared_preload_libraries")));

	make_room_for_apply_workers();
	spock_define_settings();
	spock_install_ddl_hook();
}
