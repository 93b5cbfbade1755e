/*
 * The settings of Spock 5, so that a configuration written for it is accepted
 * here and a misspelled name is not. Only the first four have an effect.
 */
#include "spock.h"

#include <limits.h>

#include "utils/guc.h"

bool		spock_enable_ddl_replication = false;
bool		spock_include_ddl_repset = false;
bool		spock_allow_ddl_from_functions = false;
bool		spock_deny_all_ddl = false;

typedef struct
{
	const char *name;
	bool	   *variable;
	bool		initial;
	GucContext	context;
} Switch;

typedef struct
{
	const char *name;
	int			initial;
	int			minimum;
	GucContext	context;
} Number;

typedef struct
{
	const char *name;
	char	   *initial;
	GucContext	context;
} Text;

typedef struct
{
	const char *name;
	int			initial;
	const struct config_enum_entry *choices;
	GucContext	context;
} Choice;

static const struct config_enum_entry resolutions[] = {
	{"error", 0, false},
	{"apply_remote", 1, false},
	{"keep_local", 2, false},
	{"last_update_wins", 3, false},
	{"first_update_wins", 4, false},
	{NULL, 0, false}
};

static const struct config_enum_entry levels[] = {
	{"debug", 0, true}, {"debug5", 1, false}, {"debug4", 2, false},
	{"debug3", 3, false}, {"debug2", 4, false}, {"debug1", 5, false},
	{"info", 6, false}, {"notice", 7, false}, {"warning", 8, false},
	{"error", 9, false}, {"log", 10, false}, {"fatal", 11, false},
	{"panic", 12, false},
	{NULL, 0, false}
};

static const struct config_enum_entry behaviours[] = {
	{"discard", 0, false}, {"transdiscard", 1, false}, {"sub_disable", 2, false},
	{NULL, 0, false}
};

static const struct config_enum_entry loggings[] = {
	{"none", 0, false}, {"discard", 1, false}, {"all", 2, false},
	{NULL, 0, false}
};

static const struct config_enum_entry readonlies[] = {
	{"off", 0, false}, {"user", 1, false}, {"all", 2, false},
	{NULL, 0, false}
};

static const struct config_enum_entry origin_changes[] = {
	{"none", 0, false}, {"remote_only_differs", 1, false}, {"since_sub_creation", 2, false},
	{NULL, 0, false}
};

static bool unused_switches[6];

static const Switch switches[] = {
	{"spock.enable_ddl_replication", &spock_enable_ddl_replication, false, PGC_USERSET},
	{"spock.include_ddl_repset", &spock_include_ddl_repset, false, PGC_USERSET},
	{"spock.allow_ddl_from_functions", &spock_allow_ddl_from_functions, false, PGC_USERSET},
	{"spock.deny_all_ddl", &spock_deny_all_ddl, false, PGC_SUSET},
	{"spock.save_resolutions", &unused_switches[0], false, PGC_SIGHUP},
	{"spock.synchronous_commit", &unused_switches[1], false, PGC_POSTMASTER},
	{"spock.use_spi", &unused_switches[2], false, PGC_POSTMASTER},
	{"spock.batch_inserts", &unused_switches[3], true, PGC_POSTMASTER},
	{"spock.channel_counters", &unused_switches[4], true, PGC_BACKEND},
	{"spock.check_all_uc_indexes", &unused_switches[5], false, PGC_SIGHUP},
};

static int	unused_numbers[6];

static const Number numbers[] = {
	{"spock.stats_max_entries", -1, -1, PGC_POSTMASTER},
	{"spock.restart_delay_default", 5000, 0, PGC_POSTMASTER},
	{"spock.restart_delay_on_exception", 0, 0, PGC_POSTMASTER},
	{"spock.exception_replay_queue_size", 4194304, 0, PGC_SIGHUP},
	{"spock.pause_timeout", 10, 1, PGC_USERSET},
	{"spock.feedback_frequency", 200, 1, PGC_SIGHUP},
};

static char *unused_texts[3];

static const Text texts[] = {
	{"spock.temp_directory", "", PGC_SIGHUP},
	{"spock.extra_connection_options", "", PGC_SIGHUP},
	{"spock.country", "??", PGC_SIGHUP},
};

static int	unused_choices[6];

static const Choice choices[] = {
	{"spock.conflict_resolution", 3, resolutions, PGC_SUSET},
	{"spock.conflict_log_level", 10, levels, PGC_SUSET},
	{"spock.exception_behaviour", 1, behaviours, PGC_SIGHUP},
	{"spock.exception_logging", 2, loggings, PGC_SIGHUP},
	{"spock.readonly", 0, readonlies, PGC_SUSET},
	{"spock.log_origin_change", 0, origin_changes, PGC_SUSET},
};

void
spock_define_settings(void)
{
	for (int i = 0; i < lengthof(switches); i++)
		DefineCustomBoolVariable(switches[i].name, "setting of Spock", NULL,
								 switches[i].variable, switches[i].initial,
								 switches[i].context, 0, NULL, NULL, NULL);
	for (int i = 0; i < lengthof(numbers); i++)
		DefineCustomIntVariable(numbers[i].name, "setting of Spock", NULL,
								&unused_numbers[i], numbers[i].initial,
								numbers[i].minimum, INT_MAX,
								numbers[i].context, 0, NULL, NULL, NULL);
	for (int i = 0; i < lengthof(texts); i++)
		DefineCustomStringVariable(texts[i].name, "setting of Spock", NULL,
								   &unused_texts[i], texts[i].initial,
								   texts[i].context, 0, NULL, NULL, NULL);
	for (int i = 0; i < lengthof(choices); i++)
		DefineCustomEnumVariable(choices[i].name, "setting of Spock", NULL,
								 &unused_choices[i], choices[i].initial,
								 choices[i].choices,
								 choices[i].context, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("spock");
}
