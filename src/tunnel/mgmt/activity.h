/* Since when tunnels have connections, or have none, is written down now and then, so that it can be told after a restart. */
#ifndef MGMT_ACTIVITY_H
#define MGMT_ACTIVITY_H

#define ACTIVITY_LOOK_MS 2000   /* between looks: what a crash may lose */
#define ACTIVITY_RETRY_MS 60000 /* after a failure */
#define ACTIVITY_AT_ONCE 200    /* tunnels of one commit */

struct mgmt;
struct activity; /* opaque; one owner */

struct activity *activity_new(struct mgmt *m);
/* Write down what is left, as a turn, and look no more. */
void activity_end(struct activity *a);
void activity_free(struct activity *a); /* NULL is fine */

#endif
