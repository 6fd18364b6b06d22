/* The list of tunnels: filters and pages. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "tunnel/mgmt/private.h"

/* What was asked for. Texts with a NULL pointer filter nothing. */
struct filter {
	struct buf name, prefix, include_prefix, exclude_prefix, status;
	bool by_name, by_prefix, by_include, by_exclude, by_status, by_id, by_time;
	bool live, deleted; /* which of them */
	struct uuid id;
	int64_t existed_at;
	uint64_t page, per_page;
};

static void filter_free(struct filter *f)
{
	buf_free(&f->name);
	buf_free(&f->prefix);
	buf_free(&f->include_prefix);
	buf_free(&f->exclude_prefix);
	buf_free(&f->status);
}

static bool take_number(struct call *c, const char *name, uint64_t max, uint64_t *out)
{
	struct buf text = {.max = 64};
	bool ok = true;

	if (query_value(c->query, name, &text) && (!span_to_u64(buf_span(&text), max, out) || *out == 0)) {
		answer_error(c->answer, 400, CODE_VALUE, "%s must be a number from 1 to %llu", name,
			(unsigned long long)max);
		ok = false;
	}
	buf_free(&text);
	return ok;
}

static bool take_deleted(struct call *c, struct filter *f)
{
	struct buf text = {.max = 64};
	bool ok = true;

	f->live = f->deleted = true;
	if (query_value(c->query, "is_deleted", &text) && buf_len(&text) > 0) {
		f->deleted = span_eq(buf_span(&text), SPAN("true"));
		f->live = span_eq(buf_span(&text), SPAN("false"));
		ok = f->deleted || f->live;
	}
	if (!ok)
		answer_error(c->answer, 400, CODE_VALUE, "is_deleted must be true or false");
	buf_free(&text);
	return ok;
}

static bool take_others(struct call *c, struct filter *f)
{
	struct buf text = {.max = 128};
	bool ok = true;

	if (query_value(c->query, "uuid", &text) && buf_len(&text) > 0) {
		f->by_id = true;
		ok = uuid_parse(buf_span(&text), &f->id);
		if (!ok)
			answer_error(c->answer, 400, CODE_VALUE, "uuid is not a UUID");
	}
	if (ok && query_value(c->query, "existed_at", &text) && buf_len(&text) > 0) {
		f->by_time = true;
		ok = rfc3339_parse(buf_span(&text), &f->existed_at);
		if (!ok)
			answer_error(c->answer, 400, CODE_VALUE, "existed_at must be a time as in RFC 3339");
	}
	buf_free(&text);
	return ok;
}

static bool filter_read(struct call *c, struct filter *f)
{
	*f = (struct filter){.page = 1, .per_page = MGMT_PAGE_DEFAULT};
	f->by_name = query_value(c->query, "name", &f->name) && buf_len(&f->name) > 0;
	f->by_prefix = query_value(c->query, "name_prefix", &f->prefix);
	f->by_include = query_value(c->query, "include_prefix", &f->include_prefix);
	f->by_exclude = query_value(c->query, "exclude_prefix", &f->exclude_prefix) &&
			buf_len(&f->exclude_prefix) > 0;
	f->by_status = query_value(c->query, "status", &f->status) && buf_len(&f->status) > 0;
	return take_deleted(c, f) && take_others(c, f) && take_number(c, "page", INT32_MAX, &f->page) &&
	       take_number(c, "per_page", MGMT_PAGE_MAX, &f->per_page);
}

static bool filter_takes(const struct filter *f, const struct directory_tunnel *t, const char *account)
{
	const struct tunnel_record *r = &t->record;
	struct span name = span_str(r->name);

	if (r->is_quick || strcmp(r->account, account) != 0 || !(r->deleted_at == 0 ? f->live : f->deleted))
		return false;
	if (f->by_id && !uuid_eq(&r->id, &f->id))
		return false;
	if ((f->by_name && !span_eq(name, buf_span(&f->name))) ||
		(f->by_prefix && !span_starts(name, buf_span(&f->prefix))) ||
		(f->by_include && !span_starts(name, buf_span(&f->include_prefix))) ||
		(f->by_exclude && span_starts(name, buf_span(&f->exclude_prefix))))
		return false;
	if (f->by_time &&
		(r->created_at > f->existed_at || (r->deleted_at != 0 && r->deleted_at <= f->existed_at)))
		return false;
	return !f->by_status || span_eq(span_str(view_status(t)), buf_span(&f->status));
}

struct listed {
	const struct directory_tunnel *tunnel;
};

/* Newest first; by id where the clock did not tell them apart. */
static int by_age(const void *a, const void *b)
{
	const struct tunnel_record *x = &((const struct listed *)a)->tunnel->record;
	const struct tunnel_record *y = &((const struct listed *)b)->tunnel->record;

	if (x->created_at != y->created_at)
		return x->created_at < y->created_at ? 1 : -1;
	return memcmp(x->id.bytes, y->id.bytes, UUID_LEN);
}

static void list(struct call *c, const struct filter *f)
{
	const struct directory *d = c->m->edge->directory;
	struct listed *found = mem_array(directory_count(d), sizeof(*found));
	json_t *page = json_array();
	size_t count = 0;

	list_for_each (n, directory_all(d)) {
		const struct directory_tunnel *t = list_entry(n, struct directory_tunnel, node);
		if (filter_takes(f, t, c->m->self.account))
			found[count++].tunnel = t;
	}
	qsort(found, count, sizeof(*found), by_age);
	for (size_t i = (size_t)((f->page - 1) * f->per_page);
		i < count && json_array_size(page) < f->per_page; i++)
		json_array_append_new(page, view_tunnel(c, found[i].tunnel));
	answer_page(c->answer, page, (size_t)f->page, (size_t)f->per_page, count);
	free(found);
}

void tunnels_list(struct call *c)
{
	struct filter f;

	if (filter_read(c, &f))
		list(c, &f);
	filter_free(&f);
}
