/* A sorted array. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/store/store_private.h"

struct memory_row {
	char *key, *value; /* owned */
	size_t key_len, value_len;
	int64_t revision;
};

struct memory {
	struct store store;
	struct memory_row *rows; /* in order of keys */
	size_t count;
	int64_t revision;
};

static struct memory *memory_of(struct store *s)
{
	return (struct memory *)(void *)s;
}

static int key_compare(struct span a, struct span b)
{
	int c = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static struct span row_key(const struct memory_row *row)
{
	return span_of(row->key, row->key_len);
}

/* Index of the first row whose key is not less. */
static size_t memory_at(const struct memory *m, struct span key)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (key_compare(row_key(&m->rows[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct memory_row *memory_row(const struct memory *m, struct span key)
{
	size_t at = memory_at(m, key);

	return at < m->count && span_eq(row_key(&m->rows[at]), key) ? &m->rows[at] : NULL;
}

static void row_free(struct memory_row *row)
{
	free(row->key);
	free(row->value);
}

/* The rows from one key up to another go. */
static void memory_range(struct memory *m, struct span from, struct span to)
{
	size_t first = memory_at(m, from), end = memory_at(m, to);

	if (first >= end)
		return;
	for (size_t i = first; i < end; i++)
		row_free(&m->rows[i]);
	memmove(&m->rows[first], &m->rows[end], (m->count - end) * sizeof(*m->rows));
	m->count -= end - first;
}

static void memory_step(struct memory *m, const struct store_step *step)
{
	if (step->kind == STORE_RANGE)
		memory_range(m, step->key, step->value);
	if (step->kind != STORE_SET)
		return;
	struct memory_row *row = memory_row(m, step->key);
	size_t at = memory_at(m, step->key);

	if (step->value.p == NULL) {
		if (row == NULL)
			return;
		row_free(row);
		m->count--;
		memmove(row, row + 1, (m->count - at) * sizeof(*row));
		return;
	}
	if (row == NULL) {
		m->rows = mem_grow(m->rows, m->count + 1, sizeof(*m->rows));
		row = &m->rows[at];
		memmove(row + 1, row, (m->count - at) * sizeof(*row));
		m->count++;
		*row = (struct memory_row){.key = mem_spandup(step->key), .key_len = step->key.len};
	}
	free(row->value);
	row->value = mem_spandup(step->value);
	row->value_len = step->value.len;
	row->revision = m->revision;
}

static enum store_result memory_commit(
	struct store *s, const struct store_step *steps, size_t count, int64_t *revision, struct err *err)
{
	struct memory *m = memory_of(s);

	(void)err;
	for (size_t i = 0; i < count; i++) {
		const struct memory_row *row = memory_row(m, steps[i].key);
		int64_t is = row != NULL ? row->revision : STORE_ABSENT;
		if (steps[i].kind != STORE_RANGE && steps[i].if_revision != STORE_ANY &&
			steps[i].if_revision != is)
			return STORE_CONFLICT;
	}
	m->revision++;
	for (size_t i = 0; i < count; i++)
		memory_step(m, &steps[i]);
	*revision = m->revision;
	return STORE_OK;
}

static struct store_record record_of(const struct memory_row *row)
{
	return (struct store_record){row_key(row), span_of(row->value, row->value_len), row->revision};
}

static enum store_result memory_get(
	struct store *s, struct span key, store_fn *fn, void *arg, struct err *err)
{
	const struct memory_row *row = memory_row(memory_of(s), key);

	(void)err;
	if (row == NULL)
		return STORE_MISSING;
	const struct store_record r = record_of(row);
	fn(arg, &r);
	return STORE_OK;
}

static enum store_result memory_list(struct store *s, struct span prefix, struct span after, size_t limit,
	store_fn *fn, void *arg, struct err *err)
{
	const struct memory *m = memory_of(s);
	size_t done = 0;

	(void)err;
	for (size_t i = memory_at(m, after.len > 0 && key_compare(after, prefix) > 0 ? after : prefix);
		i < m->count && span_starts(row_key(&m->rows[i]), prefix) && (limit == 0 || done < limit);
		i++) {
		if (after.len > 0 && span_eq(row_key(&m->rows[i]), after))
			continue;
		const struct store_record r = record_of(&m->rows[i]);
		fn(arg, &r);
		done++;
	}
	return STORE_OK;
}

/* Nobody else can change it. */
static enum store_result memory_poll(struct store *s, store_fn *fn, void *arg, struct err *err)
{
	(void)s;
	(void)fn;
	(void)arg;
	(void)err;
	return STORE_OK;
}

/* It waits for no disk. */
static struct store *memory_writer(struct store *s, struct err *err)
{
	(void)s;
	(void)err;
	return NULL;
}

static bool memory_learn(struct store *s, int64_t revision)
{
	(void)s;
	(void)revision;
	return true;
}

static enum store_result memory_wipe(struct store *s, struct err *err)
{
	(void)s;
	(void)err;
	return STORE_OK;
}

static void memory_close(struct store *s)
{
	struct memory *m = memory_of(s);

	for (size_t i = 0; i < m->count; i++)
		row_free(&m->rows[i]);
	free(m->rows);
	free(m);
}

static const struct store_ops memory_ops = {memory_commit, memory_get, memory_list, memory_poll,
	memory_writer, memory_learn, memory_wipe, memory_close};

struct store *store_open_memory(void)
{
	struct memory *m = mem_alloc(sizeof(*m));

	m->store.ops = &memory_ops;
	return &m->store;
}
