/* tunnel list, tunnel info. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/out.h"
#include "common/base/rfc3339.h"
#include "tunnel/cmd/cmd.h"
#include "tunnel/cmd/manage.h"
#include "tunnel/cmd/show.h"

#define RECENTLY_ROWS                                                                               \
	{0, "show-recently-disconnected", NULL, "count connections that are lost but not given up", \
		MANAGE_BOOL(recently), NULL},                                                       \
	{                                                                                           \
		0, "rd", NULL, NULL, MANAGE_BOOL(recently), NULL                                    \
	}

const struct opt cmd_list_options[] = {
	MANAGE_OUTPUT_ROW,
	{'d', "show-deleted", NULL, "deleted tunnels too", MANAGE_BOOL(show_deleted), NULL},
	{'n', "name", "NAME", "the tunnel of that name", MANAGE_TEXT(name), NULL},
	{0, "name-prefix", "PREFIX", "those whose names begin so (also -np)", MANAGE_TEXT(name_prefix), NULL},
	{0, "np", "PREFIX", NULL, MANAGE_TEXT(name_prefix), NULL},
	{0, "exclude-name-prefix", "PREFIX", "those whose names do not (also -enp)",
		MANAGE_TEXT(exclude_prefix), NULL},
	{0, "enp", "PREFIX", NULL, MANAGE_TEXT(exclude_prefix), NULL},
	{'w', "when", "TIME", "those that existed then, RFC 3339", MANAGE_TEXT(when), NULL},
	{'i', "id", "UUID", "the tunnel of that id", MANAGE_TEXT(id), NULL},
	RECENTLY_ROWS,
	{0, "sort-by", "FIELD", "name (the default), id, createdAt, deletedAt or numConnections",
		MANAGE_TEXT(sort_by), "TUNNEL_LIST_SORT_BY"},
	{0, "invert-sort", NULL, "the other way round", MANAGE_BOOL(invert_sort), "TUNNEL_LIST_INVERT_SORT"},
	{0, "max-fetch-size", "N", "tunnels to ask for at once (default 1000)",
		OPT_NUMBER(struct manage_flags, max_fetch, 1, 1000), "TUNNEL_MAX_FETCH_SIZE"},
	MANAGE_ROWS,
	{0},
};

static const struct opt_program list_program = {.name = "tunnel list",
	.usage = "[OPTIONS]",
	.summary = "List the tunnels of the account.",
	.more = "exit status: 0 done, 2 usage, 3 could not do it\n",
	.options = cmd_list_options};

const struct opt cmd_info_options[] = {
	MANAGE_OUTPUT_ROW,
	RECENTLY_ROWS,
	{0, "sort-by", "FIELD", "createdAt (the default), id, numConnections or version",
		MANAGE_TEXT(sort_by), "TUNNEL_INFO_SORT_BY"},
	{0, "invert-sort", NULL, "the other way round", MANAGE_BOOL(invert_sort), "TUNNEL_INFO_INVERT_SORT"},
	MANAGE_ROWS,
	{0},
};

static const struct opt_program info_program = {.name = "tunnel info",
	.usage = "[OPTIONS] TUNNEL",
	.summary = "Show a tunnel and its connectors.",
	.more = "exit status: 0 done, 2 usage, 3 could not do it\n",
	.options = cmd_info_options};

/* --- Order --- */

static int compare_times(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_name(const void *a, const void *b)
{
	const struct api_tunnel *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int by_id(const void *a, const void *b)
{
	const struct api_tunnel *x = a, *y = b;

	return memcmp(x->id.bytes, y->id.bytes, UUID_LEN);
}

static int by_created(const void *a, const void *b)
{
	const struct api_tunnel *x = a, *y = b;

	return compare_times(x->created_at, y->created_at);
}

static int by_deleted(const void *a, const void *b)
{
	const struct api_tunnel *x = a, *y = b;

	return compare_times(x->deleted_at, y->deleted_at);
}

static int by_count(const void *a, const void *b)
{
	const struct api_tunnel *x = a, *y = b;

	return (x->conn_count > y->conn_count) - (x->conn_count < y->conn_count);
}

static int connectors_by_id(const void *a, const void *b)
{
	const struct api_connector *x = a, *y = b;

	return memcmp(x->id.bytes, y->id.bytes, UUID_LEN);
}

static int connectors_by_start(const void *a, const void *b)
{
	const struct api_connector *x = a, *y = b;

	return compare_times(x->run_at, y->run_at);
}

static int connectors_by_count(const void *a, const void *b)
{
	const struct api_connector *x = a, *y = b;

	return (x->conn_count > y->conn_count) - (x->conn_count < y->conn_count);
}

static int connectors_by_version(const void *a, const void *b)
{
	const struct api_connector *x = a, *y = b;

	return strcmp(x->version, y->version);
}

struct order {
	const char *name;
	int (*compare)(const void *a, const void *b);
};

/* The first is the default. */
static const struct order tunnel_orders[] = {{"name", by_name}, {"id", by_id}, {"createdAt", by_created},
	{"deletedAt", by_deleted}, {"numConnections", by_count}, {NULL, NULL}};
static const struct order connector_orders[] = {{"createdAt", connectors_by_start}, {"id", connectors_by_id},
	{"numConnections", connectors_by_count}, {"version", connectors_by_version}, {NULL, NULL}};

static const struct order *order_find(struct manage *m, const struct order *orders)
{
	const char *name = m->flags.sort_by;

	for (const struct order *o = orders; o->name != NULL; o++)
		if (name == NULL || strcmp(o->name, name) == 0)
			return o;
	err_set(&m->err, "--sort-by %s: no field to sort by; see %s --help", name, m->program->name);
	return NULL;
}

static void reverse(void *base, size_t count, size_t size)
{
	char *a = base, *b = base;

	if (count < 2)
		return;
	for (b += (count - 1) * size; a < b; a += size, b -= size)
		for (size_t i = 0; i < size; i++) {
			char c = a[i];
			a[i] = b[i];
			b[i] = c;
		}
}

static void sort(const struct manage *m, const struct order *order, void *base, size_t count, size_t size)
{
	if (count > 0)
		qsort(base, count, size, order->compare);
	if (m->flags.invert_sort)
		reverse(base, count, size);
}

/* --- list --- */

static void print_table(const struct api_tunnel *list, size_t count, bool recently)
{
	static const char *const head[] = {"ID", "NAME", "CREATED", "CONNECTIONS"};
	struct show_table table = {.columns = 4};
	char id[UUID_TEXT_LEN + 1], created[RFC3339_TEXT_MAX];

	puts("You can obtain more detailed information for each tunnel with `tunnel info <name/uuid>`");
	show_row(&table, head);
	for (size_t i = 0; i < count; i++) {
		uuid_print(&list[i].id, id);
		rfc3339_print(list[i].created_at != API_TIME_NONE ? list[i].created_at : 0, 0, created);
		char *conns = show_connections(list[i].conns, list[i].conn_count, recently);
		show_row(&table, (const char *const[]){id, list[i].name, created, conns});
		free(conns);
	}
	show_table_end(&table);
}

static void print_records(const struct manage *m, const struct api_tunnel *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *record = manage_record(&list[i].id, NULL);
		json_object_set_new(record, "tunnel", show_tunnel_record(&list[i]));
		manage_tell(m, record);
	}
}

static void print_list(const struct manage *m, const struct api_tunnel *list, size_t count)
{
	const struct manage_flags *f = &m->flags;

	if (f->output != NULL) {
		enum show_form form = strcmp(f->output, "json") == 0 ? SHOW_JSON : SHOW_YAML;
		json_t *values = json_array();
		for (size_t i = 0; i < count; i++)
			json_array_append_new(values, show_tunnel(&list[i], form));
		show_value(values, form);
	} else if (f->json) {
		print_records(m, list, count);
	} else if (count > 0) {
		print_table(list, count, f->recently);
	} else {
		puts("No tunnels were found for the given filter flags. You can use 'tunnel create' to "
		     "create a "
		     "tunnel.");
	}
}

static int fill_filter(struct manage *m, struct api_filter *filter, struct uuid *id)
{
	const struct manage_flags *f = &m->flags;
	int64_t when;

	*filter = (struct api_filter){.name = f->name,
		.name_prefix = f->name_prefix,
		.exclude_prefix = f->exclude_prefix,
		.existed_at = f->when,
		.id = f->id != NULL ? id : NULL,
		.with_deleted = f->show_deleted};
	if (f->when != NULL && !rfc3339_parse(span_str(f->when), &when))
		return err_set(&m->err, "--when %s: no time such as 2026-01-02T03:04:05Z", f->when);
	if (f->id != NULL && !uuid_parse(span_str(f->id), id))
		return err_set(&m->err, "--id %s: not a UUID", f->id);
	return 0;
}

int cmd_list(int argc, char **argv)
{
	struct manage m;
	struct api_filter filter;
	struct api_tunnel *list = NULL;
	struct uuid id;
	size_t count = 0;
	int status = manage_begin(&m, &list_program, argc, argv, 0, 0, "");

	if (status != MANAGE_READY)
		return manage_end(&m, status);
	const struct order *order = order_find(&m, tunnel_orders);
	if (order == NULL || fill_filter(&m, &filter, &id) < 0) {
		status = out_die(list_program.name, &m.err, EXIT_USAGE);
	} else if (api_list(m.api, &filter, &list, &count, &m.err) != API_OK) {
		status = manage_fail_call(&m);
	} else {
		sort(&m, order, list, count, sizeof(*list));
		print_list(&m, list, count);
		status = EXIT_OK;
	}
	api_tunnels_free(list, count);
	return manage_end(&m, status);
}

/* --- info --- */

/* A tunnel with its connectors. */
struct info {
	struct uuid id;
	struct api_tunnel *found; /* one */
	size_t found_count;
	struct api_connector *connectors;
	size_t count;
};

/* As Go prints a time. */
static void print_head(const struct api_tunnel *t)
{
	char id[UUID_TEXT_LEN + 1], created[RFC3339_TEXT_MAX];
	struct buf name = {.max = 4 * API_TEXT_MAX + 1};

	uuid_print(&t->id, id);
	rfc3339_print(t->created_at != API_TIME_NONE ? t->created_at : 0, -1, created);
	created[10] = ' ';
	created[strlen(created) - 1] = '\0';
	out_escape(span_str(t->name), &name);
	printf("NAME:     %.*s\nID:       %s\nCREATED:  %s +0000 UTC\n\n", (int)buf_len(&name),
		buf_span(&name).p, id, created);
	buf_free(&name);
}

static bool has_countable(const struct info *info, bool recently)
{
	for (size_t i = 0; i < info->count; i++)
		for (size_t j = 0; j < info->connectors[i].conn_count; j++)
			if (recently || !info->connectors[i].conns[j].is_pending)
				return true;
	return false;
}

static void print_connectors(const struct info *info, bool recently)
{
	static const char *const head[] = {
		"CONNECTOR ID", "CREATED", "ARCHITECTURE", "VERSION", "ORIGIN IP", "EDGE"};
	struct show_table table = {.columns = 6};
	char id[UUID_TEXT_LEN + 1], started[RFC3339_TEXT_MAX];

	if (!has_countable(info, recently)) {
		puts("This tunnel has no active connectors.");
		return;
	}
	show_row(&table, head);
	for (size_t i = 0; i < info->count; i++) {
		const struct api_connector *c = &info->connectors[i];
		char *conns = show_connections(c->conns, c->conn_count, recently);
		uuid_print(&c->id, id);
		rfc3339_print(c->run_at != API_TIME_NONE ? c->run_at : 0, 0, started);
		if (*conns != '\0')
			show_row(&table, (const char *const[]){id, started, c->arch, c->version,
						 c->conns[0].origin_ip, conns});
		free(conns);
	}
	show_table_end(&table);
}

static void print_info_records(const struct manage *m, const struct info *info)
{
	json_t *record = manage_record(&info->id, NULL), *connectors = json_array();

	for (size_t i = 0; i < info->count; i++)
		json_array_append_new(connectors, show_connector_record(&info->connectors[i]));
	json_object_set_new(record, "tunnel", show_tunnel_record(&info->found[0]));
	json_object_set_new(json_object_get(record, "tunnel"), "connectors", connectors);
	manage_tell(m, record);
}

static void print_info(const struct manage *m, const struct info *info)
{
	const struct manage_flags *f = &m->flags;
	char id[UUID_TEXT_LEN + 1];

	uuid_print(&info->id, id);
	if (f->output != NULL) {
		enum show_form form = strcmp(f->output, "json") == 0 ? SHOW_JSON : SHOW_YAML;
		show_value(show_info(&info->found[0], info->connectors, info->count, form), form);
	} else if (f->json) {
		print_info_records(m, info);
	} else if (info->count == 0) {
		printf("Your tunnel %s does not have any active connection.\n", id);
	} else {
		print_head(&info->found[0]);
		print_connectors(info, f->recently);
	}
}

/* The tunnel comes from the list, since a deleted one has an answer there too. */
static int ask_info(struct manage *m, struct info *info)
{
	struct api_filter filter = {.id = &info->id, .with_deleted = true};

	if (manage_find(m, m->argv[0], &info->id) != API_OK ||
		api_connectors(m->api, &info->id, &info->connectors, &info->count, &m->err) != API_OK ||
		api_list(m->api, &filter, &info->found, &info->found_count, &m->err) != API_OK)
		return manage_fail_call(m);
	if (info->found_count == 1)
		return EXIT_OK;
	err_set(&m->err, "tunnel %s: the API knows %zu of that id", m->argv[0], info->found_count);
	return manage_fail(m);
}

int cmd_info(int argc, char **argv)
{
	struct manage m;
	struct info info = {0};
	int status = manage_begin(&m, &info_program, argc, argv, 1, 1, "a tunnel's id or name is");

	if (status != MANAGE_READY)
		return manage_end(&m, status);
	const struct order *order = order_find(&m, connector_orders);
	status = order != NULL ? ask_info(&m, &info) : out_die(info_program.name, &m.err, EXIT_USAGE);
	if (status == EXIT_OK) {
		sort(&m, order, info.connectors, info.count, sizeof(*info.connectors));
		print_info(&m, &info);
	}
	api_tunnels_free(info.found, info.found_count);
	api_connectors_free(info.connectors, info.count);
	return manage_end(&m, status);
}
