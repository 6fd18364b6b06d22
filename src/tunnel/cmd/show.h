/* Tunnels and connectors as people, cloudflared's scripts and records want them. */
#ifndef CMD_SHOW_H
#define CMD_SHOW_H

#include <jansson.h>

#include "common/api/api.h"

/* Cells in columns as wide as they need, each with a space behind it, as Go's tabwriter lays them out. */
#define SHOW_COLUMNS_MAX 8
struct show_table {
	char **cells;
	size_t count, columns;
};
/* A row: as many texts as there are columns. Bytes that would drive a terminal are escaped. */
void show_row(struct show_table *t, const char *const *texts);
/* Print and free. */
void show_table_end(struct show_table *t);

/* "2xedge1, 1xedge2": connections by location, those that are lost only if asked for. To be freed. */
char *show_connections(const struct api_connection *conns, size_t count, bool recently);

/* The names of fields: cloudflared prints structures with other ones in YAML. */
enum show_form { SHOW_JSON, SHOW_YAML };
/* One tunnel, or a tunnel with its connectors, as a value; to be released. */
json_t *show_tunnel(const struct api_tunnel *t, enum show_form form);
json_t *show_info(
	const struct api_tunnel *t, const struct api_connector *c, size_t count, enum show_form form);
/* What a record says of a tunnel. */
json_t *show_tunnel_record(const struct api_tunnel *t);
json_t *show_connector_record(const struct api_connector *c);
/* Print a value; it is released. */
void show_value(json_t *value, enum show_form form);

#endif
