/* What a kind of store provides. */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "tunnel/store/store.h"

/* As the functions of store.h; arguments were checked. */
struct store_ops {
	enum store_result (*commit)(struct store *s, const struct store_step *steps, size_t count,
		int64_t *revision, struct err *err);
	enum store_result (*get)(struct store *s, struct span key, store_fn *fn, void *arg, struct err *err);
	enum store_result (*list)(struct store *s, struct span prefix, struct span after, size_t limit,
		store_fn *fn, void *arg, struct err *err);
	enum store_result (*poll)(struct store *s, store_fn *fn, void *arg, struct err *err);
	struct store *(*writer)(struct store *s, struct err *err);
	/* A commit of this revision is known now; false when a poll has told of it. */
	bool (*learn)(struct store *s, int64_t revision);
	enum store_result (*wipe)(struct store *s, struct err *err);
	void (*close)(struct store *s);
};

/* The beginning of every kind's own struct. */
struct store {
	const struct store_ops *ops;
	store_fn *watcher; /* NULL: none */
	void *watcher_arg;
};

#endif
