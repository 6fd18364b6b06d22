/* The edge's configuration of a tunnel on its way to a connector: one stream, one answer. */
#ifndef EDGE_CONFIGURE_H
#define EDGE_CONFIGURE_H

#include "tunnel/edge/edge.h"

#define CONFIGURE_ANSWER_MAX ((size_t)64 * 1024) /* bytes of a connector's answer */

/* Send the newest configuration of its tunnel, unless the connector has it or one is on its way. */
void configure_push(struct edge *e, struct roster_client *client);
/* For the roster: breaks off what is on its way. */
void configure_client_gone(struct roster_client *client);

#endif
