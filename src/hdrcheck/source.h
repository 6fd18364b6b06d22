/* Where targets come from: the command line, records on standard input, a capture of curl. */
#ifndef HDRCHECK_SOURCE_H
#define HDRCHECK_SOURCE_H

#include "hdrcheck/flags.h"

struct source_item {
	struct fetch_target target; /* its arena holds everything */
	const char *url;
	bool needs_fetch;
	bool passes;      /* a record that is about something else: printed as it is */
	struct hops hops; /* that the record names; none, or two and more. Some have an answer already */
	struct response measured[HOPS_MAX]; /* these */
	json_t *record;                     /* owned; NULL: none */
	struct response own;
	const struct response *response; /* to judge */
	struct err error;                /* empty: there is one */
};

struct source {
	const struct flags *conf;
	char **urls;
	size_t count, next, next_path;
	struct buf line; /* of standard input */
	size_t lines, broken_lines;
	bool unreadable; /* standard input; it has been said */
};

void source_init(struct source *s, const struct flags *c, char **urls, size_t count);
void source_fini(struct source *s);
/* How many there will be; 0 when standard input decides. */
size_t source_count(const struct source *s);
/* The next one, to be freed by the caller; NULL at the end. */
struct source_item *source_next(struct source *s);
/* The target has been fetched: what came of it is what there is to judge. */
void source_item_fetched(struct source_item *item);
/* Print a record that passes. -1 when the stream failed. */
int source_pass(struct source_item *item, struct show *out);
void source_item_free(struct source_item *item);

#endif
