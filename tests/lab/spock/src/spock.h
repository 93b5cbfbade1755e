/*
 * What the parts of the stand-in share.
 */
#ifndef SPOCK_STAND_IN_H
#define SPOCK_STAND_IN_H

#include "postgres.h"

/* settings.c: the settings of the extension that change what the stand-in does */
extern bool spock_enable_ddl_replication;
extern bool spock_include_ddl_repset;
extern bool spock_allow_ddl_from_functions;
extern bool spock_deny_all_ddl;
extern void spock_define_settings(void);

/* exceptions.c: what becomes of a transaction that cannot be applied */
extern void spock_watch_commits(void);

/* feedback.c: a provider hears of a worker that is busy */
extern void spock_remember_answers(void);

/* log.c: the server log has Spock's words */
extern void spock_watch_the_log(void);

/* ddl.c: sees every utility statement */
extern void spock_install_ddl_hook(void);

#endif
