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

/* ddl.c: sees every utility statement */
extern void spock_install_ddl_hook(void);

#endif
