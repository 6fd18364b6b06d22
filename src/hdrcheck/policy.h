/* Policies: those that are built in, and what a response lacks of one. */
#ifndef HDRCHECK_POLICY_H
#define HDRCHECK_POLICY_H

#include "common/conf/headerpolicy.h"
#include "hdrcheck/audit.h"

/* The text of a built-in profile (share/policies); a NULL pointer when there is none of that name. */
struct span policy_profile(const char *name);
/* Their names, for messages. */
#define POLICY_PROFILES "observatory, owasp, strict, baseline, grafana, api, worker"
/* The one profile that is no policy: every test of the Observatory passes. */
#define POLICY_OBSERVATORY "observatory"

/* Read a policy file. */
struct headerpolicy *policy_read(const char *path, struct err *err);

/* Report where the response is not what the policy makes of it. True when it is met. */
bool policy_check(struct audit *au, const struct headerpolicy *p);
/* Report the tests of the Observatory that fail; grade_at_least NULL asks for each of them. */
bool policy_check_observatory(struct audit *au);

#endif
