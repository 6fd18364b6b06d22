/* One target of the probe: its hops, measured, read or merged; the verdict; and how all that is shown. */
#ifndef WSCAT_PROBE_H
#define WSCAT_PROBE_H

#include "wscat/env.h"
#include "wscat/hop.h"
#include "wscat/verdict.h"

#define PROBE_HOPS_MAX 32

enum probe_format {
	PROBE_TEXT,
	PROBE_JSON,
	PROBE_JUNIT,
	PROBE_TAP,
	PROBE_GITHUB,
};

struct probe_conf {
	struct client_conf client; /* first: its option rows are shared */
	struct opt_list hops;      /* NAME=URL */
	struct opt_list configs;   /* NAME=FILE */
	const char *hops_file, *expect_file, *format_name, *color_name;
	bool json, echo, deep, quiet, verbose;
	bool color; /* from color_name and the terminal */
	int64_t idle_ns, soak_ns, frame_bound;
	enum probe_format format;
};

struct probe {
	struct hop *hops[PROBE_HOPS_MAX]; /* outermost first; owned */
	size_t count;
	bool measured[PROBE_HOPS_MAX]; /* by us, now */
	json_t *record;                /* the one it came from, or a fresh one; owned */
	struct verdict verdict;
	char *regressions; /* against --expect; NULL: none */
	uint64_t took_us;
};

/* Append a hop; -1 when there are too many, or the name is taken (the hop is freed then). */
int probe_add(struct probe *p, struct hop *h, bool to_measure, struct err *err);
/* Is there a hop of this name? */
bool probe_has(const struct probe *p, struct span name);
/* Measure what is to be measured, read configurations, judge. -1 with err. */
int probe_run(struct probe *p, const struct probe_conf *conf, struct env *env, struct err *err);
/* Compare with a record of an earlier run: sets p->regressions. */
void probe_expect(struct probe *p, const json_t *earlier);
/* The record with our section put in; borrowed. */
json_t *probe_record(struct probe *p);
/* Is every hop fine? Could none be connected to? */
bool probe_is_fine(const struct probe *p);
bool probe_is_unreachable(const struct probe *p);
void probe_fini(struct probe *p);

/* Rows, a waterfall and the verdict, for people. */
void picture_print(const struct probe *p, bool color);
/* Every request to every hop, and its answer. */
void picture_print_replies(const struct probe *p);

/* Read --hops: a list of mappings with name, url and config. -1 with err. */
int hopsfile_read(const char *path, struct probe *p, struct opt_list *configs, struct err *err);

#endif
