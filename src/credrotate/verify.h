/* Who has registered with the new secret? Decisions over what the API says of connectors; no calls, no clock. */
#ifndef CREDROTATE_VERIFY_H
#define CREDROTATE_VERIFY_H

#include "common/api/api.h"

/* What proves a connection new. All connections of a connector use one secret, so that one proves the connector. */
struct proof {
	/* Where the edge counts versions: registered with this one; 0 for none. */
	int64_t version;
	/* The same secret has earlier numbers: each rotation that was taken back took two, so that it has every second one
	 * from here on; 0 for none. */
	int64_t same_from;
	/* On the way back: this one or any before it, whose connectors never took the new one up; 0 for none. */
	int64_t up_to;
	/* Where it does not: opened after this, microseconds of the server's clock; API_TIME_NONE proves nothing. */
	int64_t opened_after;
};

/* The connectors that were there at some time, as much as is compared later. */
struct census {
	struct census_entry {
		struct uuid id;
		size_t conns; /* that were live */
		bool proven;
	} * at; /* owned */
	size_t count;
};

/* Connections that are there and not merely remembered. */
size_t verify_live_conns(const struct api_connector *c);
bool verify_is_live(const struct api_connector *c);
bool verify_is_proven(const struct api_connector *c, const struct proof *p);
bool verify_conn_is_proven(const struct api_connection *c, const struct proof *p);
size_t verify_count_live(const struct api_connector *c, size_t count);
/* Live, and not proven. */
size_t verify_count_unproven(const struct api_connector *c, size_t count, const struct proof *p);
/* The live ones. */
void census_take(struct census *out, const struct api_connector *c, size_t count, const struct proof *p);
void census_free(struct census *c);
const struct census_entry *census_find(const struct census *c, const struct uuid *id);

/* Has a target rejoined? */
struct rejoin {
	size_t fresh;       /* live, proven, and not proven before (most often: not there before) */
	size_t gone;        /* unproven before, and now proven or no longer live */
	size_t fresh_conns; /* live connections of the fresh */
	size_t gone_conns;  /* what the gone had */
	bool done;
};
/* before: taken before the target was touched. replicas: processes behind it. */
struct rejoin verify_rejoin(const struct census *before, const struct api_connector *now, size_t count,
	const struct proof *p, size_t replicas);

#endif
