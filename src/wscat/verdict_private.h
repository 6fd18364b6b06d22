/* What the files of the verdict share: the hop in question, and the ways to put down what is found. */
#ifndef WSCAT_VERDICT_PRIVATE_H
#define WSCAT_VERDICT_PRIVATE_H

#include "wscat/verdict.h"

/* What is being looked into. */
struct inquiry {
	size_t count;
	size_t at; /* the hop in question */
	const struct hop *hop;
	const struct reply *r; /* its answer to the upgrade */
	const struct hop
		*inner; /* the next one inside, which works; NULL when the innermost is in question */
	const struct hop *outer; /* NULL for the first */
	enum product product;    /* of the hop */
	enum product writer;     /* of the answer */
	struct verdict *v;
};

/* Name a cause by its id; the first one named is the verdict, with its confidence. Ids named before are left alone. */
void verdict_suggest(struct inquiry *q, const char *id, enum sure sure);
/* The same for a list that NULL ends; all after the first are possible. */
void verdict_suggest_all(struct inquiry *q, const char *const *ids, enum sure sure);
/* What is seen, in one sentence. */
void verdict_say(struct inquiry *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The answer to another request that the hop was sent; not asked unless `asked` is set in it. */
static inline const struct reply *verdict_asked(const struct inquiry *q, enum ask ask)
{
	return &q->hop->replies[ask];
}

/* Did the request fail in this way (peer_failure_name)? */
bool verdict_failed(const struct reply *r, const char *name);

/* The upgrade was refused, or got no answer: verdict_closed.c. */
void verdict_judge_closed(struct inquiry *q);

/* The WebSocket opens, but something is wrong with it or worth a remark: verdict_open.c. */
void verdict_judge_idle(struct inquiry *q);
void verdict_judge_size(struct inquiry *q);
void verdict_judge_soak(struct inquiry *q);
void verdict_judge_silent(struct inquiry *q);
void verdict_judge_protocol(struct inquiry *q);
void verdict_judge_deflate(struct inquiry *q);
void verdict_judge_waiting(struct inquiry *q);
void verdict_judge_version(struct inquiry *q);
void verdict_judge_only_ws(struct inquiry *q);
void verdict_judge_no_connect(struct inquiry *q);

#endif
