/* What all kinds of stores share: checks, and telling the watcher. */
#include "tunnel/store/store_private.h"

static bool is_key(struct span key)
{
	return key.len > 0 && key.len <= STORE_KEY_MAX && memchr(key.p, '\0', key.len) == NULL;
}

static bool is_step(const struct store_step *step)
{
	bool is_range = step->kind == STORE_RANGE;

	return is_key(step->key) && (is_range ? is_key(step->value) : step->value.len <= STORE_VALUE_MAX);
}

void store_told(struct store *s, const struct store_step *steps, size_t count, int64_t revision)
{
	if (!s->ops->learn(s, revision))
		return;
	for (size_t i = 0; i < count && s->watcher != NULL; i++) {
		const struct store_record r = {steps[i].key, steps[i].value, revision};
		if (steps[i].kind == STORE_SET)
			s->watcher(s->watcher_arg, &r);
	}
}

enum store_result store_commit(
	struct store *s, const struct store_step *steps, size_t count, int64_t *revision, struct err *err)
{
	int64_t now = 0;

	if (count > STORE_STEPS_MAX) {
		err_set(err, "more than %d steps in one commit", STORE_STEPS_MAX);
		return STORE_FAILED;
	}
	for (size_t i = 0; i < count; i++)
		if (!is_step(&steps[i])) {
			err_set(err, "a record's key or value is too large");
			return STORE_FAILED;
		}
	enum store_result result = s->ops->commit(s, steps, count, &now, err);
	if (result != STORE_OK)
		return result;
	if (revision != NULL)
		*revision = now;
	store_told(s, steps, count, now);
	return STORE_OK;
}

enum store_result store_put(struct store *s, struct span key, struct span value, int64_t if_revision,
	int64_t *revision, struct err *err)
{
	const struct store_step step = {.key = key, .value = value, .if_revision = if_revision};

	return store_commit(s, &step, 1, revision, err);
}

enum store_result store_delete(struct store *s, struct span key, int64_t if_revision, struct err *err)
{
	const struct store_step step = {.key = key, .if_revision = if_revision};

	return store_commit(s, &step, 1, NULL, err);
}

enum store_result store_get(struct store *s, struct span key, store_fn *fn, void *arg, struct err *err)
{
	return s->ops->get(s, key, fn, arg, err);
}

enum store_result store_list(struct store *s, struct span prefix, struct span after, size_t limit,
	store_fn *fn, void *arg, struct err *err)
{
	return s->ops->list(s, prefix, after, limit, fn, arg, err);
}

void store_watch(struct store *s, store_fn *fn, void *arg)
{
	s->watcher = fn;
	s->watcher_arg = arg;
}

static void nobody(void *arg, const struct store_record *r)
{
	(void)arg;
	(void)r;
}

enum store_result store_poll(struct store *s, struct err *err)
{
	return s->ops->poll(s, s->watcher != NULL ? s->watcher : nobody, s->watcher_arg, err);
}

struct store *store_writer(struct store *s, struct err *err)
{
	*err = (struct err){0};
	return s->ops->writer(s, err);
}

enum store_result store_wipe(struct store *s, struct err *err)
{
	return s->ops->wipe(s, err);
}

void store_close(struct store *s)
{
	if (s != NULL)
		s->ops->close(s);
}
