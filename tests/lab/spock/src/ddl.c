/*
 * Sees every utility statement. A change of the schema is handed to
 * spock.capture_ddl() with its own text (a query string may hold several
 * statements), its role and its search path; on the other nodes
 * spock.execute_ddl() runs it again under the same role and path.
 */
#include "spock.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/queryjumble.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

typedef enum
{
	REPLICATE,					/* "DDL statement replicated." */
	REPLICATE_UNSAFE,			/* the other nodes may compute another result */
	REFUSE,						/* said aloud: stays on this node */
	IGNORE						/* concerns this session only */
} Decision;

static ProcessUtility_hook_type previous_hook = NULL;

/* the bookkeeping statements that spock.capture_ddl() runs are not captured */
static bool capturing = false;

static bool
is_temporary(const RangeVar *relation)
{
	Oid			id;

	if (relation == NULL)
		return false;
	if (relation->relpersistence == RELPERSISTENCE_TEMP)
		return true;
	if (relation->schemaname != NULL && strncmp(relation->schemaname, "pg_temp", 7) == 0)
		return true;
	id = RangeVarGetRelid(relation, NoLock, true);
	return OidIsValid(id) && get_rel_persistence(id) == RELPERSISTENCE_TEMP;
}

/* Does the statement drop temporary relations only? */
static bool
drops_temporary(DropStmt *drop)
{
	ListCell   *cell;

	switch (drop->removeType)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_INDEX:
			break;
		default:
			return false;
	}
	foreach(cell, drop->objects)
	{
		if (!is_temporary(makeRangeVarFromNameList((List *) lfirst(cell))))
			return false;
	}
	return true;
}

/* What is to be done with a statement; asked before it runs, as a drop leaves nothing to look at. */
static Decision
decide(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_AlterDatabaseStmt:
		case T_AlterDatabaseRefreshCollStmt:
		case T_AlterDatabaseSetStmt:
		case T_AlterSystemStmt:
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
		case T_DropSubscriptionStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
		case T_AlterTableSpaceOptionsStmt:
		case T_ClusterStmt:
			return REFUSE;
		case T_CreateExtensionStmt:
			return strcmp(((CreateExtensionStmt *) statement)->extname, "spock") == 0 ? IGNORE : REPLICATE;
		case T_CreateStmt:
			return is_temporary(((CreateStmt *) statement)->relation) ? REFUSE : REPLICATE;
		case T_CreateTableAsStmt:
			return is_temporary(((CreateTableAsStmt *) statement)->into->rel) ? REFUSE : REPLICATE_UNSAFE;
		case T_ViewStmt:
			return is_temporary(((ViewStmt *) statement)->view) ? REFUSE : REPLICATE;
		case T_CreateSeqStmt:
			return is_temporary(((CreateSeqStmt *) statement)->sequence) ? REFUSE : REPLICATE;
		case T_AlterSeqStmt:
			return is_temporary(((AlterSeqStmt *) statement)->sequence) ? REFUSE : REPLICATE;
		case T_AlterTableStmt:
			return is_temporary(((AlterTableStmt *) statement)->relation) ? REFUSE : REPLICATE;
		case T_RenameStmt:
			return is_temporary(((RenameStmt *) statement)->relation) ? REFUSE : REPLICATE;
		case T_IndexStmt:
			return ((IndexStmt *) statement)->concurrent
				|| is_temporary(((IndexStmt *) statement)->relation) ? REFUSE : REPLICATE;
		case T_DropStmt:
			return ((DropStmt *) statement)->concurrent
				|| drops_temporary((DropStmt *) statement) ? REFUSE : REPLICATE;
		default:
			return REPLICATE;
	}
}

/*
 * Run one of the extension's functions as the superuser who owns it: the role
 * that changes the schema needs no right to the schema "spock".
 */
static void
call_as_owner(const char *query, int count, Oid *types, Datum *values)
{
	Oid			role;
	int			context;

	GetUserIdAndSecContext(&role, &context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE);
	capturing = true;
	PG_TRY();
	{
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		SPI_connect();
		if (SPI_execute_with_args(query, count, types, values, NULL, false, 0) < 0)
			elog(ERROR, "spock could not run \"%s\"", query);
		SPI_finish();
		PopActiveSnapshot();
	}
	PG_FINALLY();
	{
		capturing = false;
	}
	PG_END_TRY();
	SetUserIdAndSecContext(role, context);
}

static bool
extension_is_here(void)
{
	return IsTransactionState() && OidIsValid(MyDatabaseId) && OidIsValid(get_extension_oid("spock", true));
}

static void
capture(const char *text, const char *path, Decision decision)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID};
	Datum		values[4];

	values[0] = CStringGetTextDatum(text);
	values[1] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	values[2] = CStringGetTextDatum(path);
	values[3] = BoolGetDatum(decision == REPLICATE_UNSAFE);
	call_as_owner("SELECT spock.capture_ddl($1, $2, $3, $4)", 4, types, values);
}

static void
process_utility(PlannedStmt *planned, const char *string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo parameters,
				QueryEnvironment *environment, DestReceiver *destination,
				QueryCompletion *completion)
{
	Node	   *statement = planned->utilityStmt;
	Decision	decision = IGNORE;
	bool		is_ddl;
	int			location = planned->stmt_location;
	int			length = planned->stmt_len;
	char	   *text = NULL;
	char	   *path = NULL;

	/* parts of a bigger statement and extension scripts are told by the whole */
	is_ddl = !capturing && !creating_extension && context != PROCESS_UTILITY_SUBCOMMAND
		&& GetCommandLogLevel(statement) == LOGSTMT_DDL && extension_is_here();
	if (is_ddl)
	{
		if (spock_deny_all_ddl)
			ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("cannot execute DDL statement: spock.deny_all_ddl is on")));
		decision = decide(statement);
		text = pstrdup(CleanQuerytext(string, &location, &length));
		text[length] = '\0';
		path = pstrdup(GetConfigOption("search_path", false, false));
	}

	if (previous_hook)
		previous_hook(planned, string, read_only_tree, context, parameters, environment, destination, completion);
	else
		standard_ProcessUtility(planned, string, read_only_tree, context, parameters, environment, destination, completion);

	if (!is_ddl || decision == IGNORE || !extension_is_here())
		return;
	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
	{
		/* another node's statement: this node's part is the new tables' triggers */
		if (spock_include_ddl_repset)
			call_as_owner("SELECT spock.attach_tables()", 0, NULL, NULL);
		return;
	}
	if (!spock_enable_ddl_replication)
		return;
	if (context != PROCESS_UTILITY_TOPLEVEL && !spock_allow_ddl_from_functions)
		return;
	if (decision == REFUSE)
	{
		ereport(WARNING, (errmsg("This DDL statement will not be replicated.")));
		return;
	}
	capture(text, path, decision);
}

void
spock_install_ddl_hook(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

PG_FUNCTION_INFO_V1(spock_execute_ddl);

/*
 * execute_ddl(statement, role, path): run another node's statement. The names
 * "$user" in the path and the owner of what is made follow the role.
 */
Datum
spock_execute_ddl(PG_FUNCTION_ARGS)
{
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			role = get_role_oid(text_to_cstring(PG_GETARG_TEXT_PP(1)), false);
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Oid			saved_role;
	int			saved_context;
	int			nesting = NewGUCNestLevel();

	/* an error needs no undo here: the subtransaction around it restores role and path */
	GetUserIdAndSecContext(&saved_role, &saved_context);
	SetUserIdAndSecContext(role, saved_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute(statement, false, 0) < 0)
		elog(ERROR, "could not run the statement of another node");
	SPI_finish();
	AtEOXact_GUC(true, nesting);
	SetUserIdAndSecContext(saved_role, saved_context);
	PG_RETURN_VOID();
}
