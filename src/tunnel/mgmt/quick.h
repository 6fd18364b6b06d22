/* Tunnels for anybody who asks: a random name under the operator's domain, for as long as it is used. */
#ifndef MGMT_QUICK_H
#define MGMT_QUICK_H

#include "common/base/span.h"

#define QUICK_PATH SPAN("/tunnel")
#define QUICK_LOOK_MS 1000    /* between looks for those to be ended */
#define QUICK_HOUR_MS 3600000 /* that a request counts towards its address's limit */
#define QUICK_ADDRESSES 1024  /* remembered */

struct mgmt;
struct call;
struct quick; /* opaque; one owner */

struct quick *quick_new(struct mgmt *m);
void quick_free(struct quick *q); /* NULL is fine */
/* Answer POST /tunnel. Errors are plain text of one line: nothing else reaches cloudflared's user. */
void quick_request(struct call *c);

#endif
