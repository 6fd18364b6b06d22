/* From the store to what the edge knows in memory: at start, and with each change. */
#ifndef EDGE_INVENTORY_H
#define EDGE_INVENTORY_H

#include "tunnel/edge/edge.h"

#define INVENTORY_LOOK_MS 1000 /* between looks for changes that other processes made */

/* Tunnels first, then, after the routes of the options, those of the store; from then on changes are taken over. */
int inventory_load_tunnels(struct edge *e, struct err *err);
int inventory_load_routes(struct edge *e, struct err *err);
/* For the timer edge->look. */
void inventory_on_look(void *edge);

#endif
