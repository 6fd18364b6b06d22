/* Which rules can be carried out here. cloudflared knows more kinds of services; to ignore a setting, an access check say,
 * would be worse than to refuse it. */
#ifndef ORIGIN_ABLE_H
#define ORIGIN_ABLE_H

#include "common/conf/ingress.h"

/* -1 with err, and where it stands in the configuration, when a rule or the global originRequest asks for too much. */
int able_check(const struct ingress *in, struct yaml_mark *at, struct err *err);

#endif
