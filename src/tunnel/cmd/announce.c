/* Addresses into a record. */
#include "tunnel/cmd/announce.h"

void announce_add(json_t *record, const char *role, const char *address)
{
	json_array_append_new(
		json_object_get(record, "listen"), json_pack("{s:s, s:s}", "role", role, "address", address));
}

static void add_address(void *arg, const char *role, const char *address)
{
	announce_add(arg, role, address);
}

json_t *announce_record(const struct edge *e)
{
	json_t *record = out_record("event", "tunnel");

	json_object_set_new(record, "event", json_string("ready"));
	json_object_set_new(record, "listen", json_array());
	edge_each_address(e, add_address, record);
	return record;
}
