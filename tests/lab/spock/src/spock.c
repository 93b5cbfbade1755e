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
#include "utils/guc_tables.h"

PG_MODULE_MAGIC;

/*
 * Spock brings its own apply workers. The stand-in borrows PostgreSQL's, whose
 * default number is too small for a mesh. Their time between two starts, five
 * seconds, is that of spock.restart_delay_default. A value in the server's
 * configuration still wins over these.
 */
static void
make_room_for_apply_workers(void)
{
	SetConfigOption("max_logical_replication_workers", "24", PGC_POSTMASTER, PGC_S_DYNAMIC_DEFAULT);
}

/*
 * A server that refuses output plugins which its configuration does not name
 * behaves here as one that is older than the refusal: chart and image are
 * pinned together, and that server is one. A configuration that names others
 * still wins, and then Spock's plugin is refused as the real one is.
 */
static void
allow_the_output_plugin(void)
{
	static char libraries[] = "pgoutput, test_decoding, spock_output";
	struct config_generic *found = find_option("output_plugin_libraries", false, true, DEBUG1);

	if (found == NULL || found->vartype != PGC_STRING)
		return;
	/* what it is again when a configuration names it no more */
	((struct config_string *) found)->boot_val = libraries;
	SetConfigOption("output_plugin_libraries", libraries, PGC_POSTMASTER, PGC_S_DYNAMIC_DEFAULT);
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("spock is not in shared_preload_libraries")));

	make_room_for_apply_workers();
	allow_the_output_plugin();
	spock_watch_the_log();
	spock_watch_commits();
	spock_remember_answers();
	spock_define_settings();
	spock_install_ddl_hook();
}
