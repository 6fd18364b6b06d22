/* Facts about a hop, to JSON and back. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "wscat/hop.h"

/* --- Names --- */

static const char *const ask_names[ASK_KINDS] = {"upgrade", "no_origin", "spelling", "own_host",
	"origin_no_port", "plain", "sibling", "slash", "bad_key", "http2", "version_12", "with_length"};

const char *ask_name(enum ask a)
{
	return ask_names[a];
}

static const char *const products[] = {
	"unknown", "Apache", "nginx", "HAProxy", "Caddy", "cloudflared", "app"};

const char *product_name(enum product p)
{
	return products[p];
}

bool product_find(const char *name, enum product *out)
{
	for (size_t i = 0; i < sizeof(products) / sizeof(products[0]); i++) {
		if (strcasecmp(products[i], name) == 0) {
			*out = (enum product)i;
			return true;
		}
	}
	return false;
}

/* --- Life --- */

struct hop *hop_new(const char *name, const char *url)
{
	struct hop *h = mem_alloc(sizeof(*h));

	h->name = mem_strdup(name);
	h->url = url != NULL ? mem_strdup(url) : NULL;
	return h;
}

static void reply_free(struct reply *r)
{
	free(r->failure);
	free(r->why);
	free(r->head);
	free(r->body);
}

void hop_free(struct hop *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < ASK_KINDS; i++)
		reply_free(&h->replies[i]);
	free(h->name);
	free(h->url);
	free(h->address);
	free(h->tls_version);
	free(h->alpn);
	free(h->cert_names);
	free(h->extensions);
	free(h->subprotocol);
	free(h->idle_how);
	json_decref(h->suspects);
	json_decref(h->unknown);
	free(h);
}

/* --- One table for both directions --- */

enum kind {
	KIND_TEXT, /* char *, left out when NULL */
	KIND_BOOL, /* left out when false */
	KIND_INT,  /* int, left out when 0 */
	KIND_SIZE, /* int64_t, left out when 0 */
	KIND_REAL, /* double, left out when 0 */
};

struct member {
	const char *path; /* "section.name", or "name" */
	enum kind kind;
	size_t offset;
};

#define HOP(member) offsetof(struct hop, member)
static const struct member hop_members[] = {
	{"name", KIND_TEXT, HOP(name)},
	{"url", KIND_TEXT, HOP(url)},
	{"address", KIND_TEXT, HOP(address)},
	{"http.is_h2", KIND_BOOL, HOP(is_h2)},
	{"tls.version", KIND_TEXT, HOP(tls_version)},
	{"tls.alpn", KIND_TEXT, HOP(alpn)},
	{"tls.names", KIND_TEXT, HOP(cert_names)},
	{"tls.days_left", KIND_REAL, HOP(cert_days)},
	{"timings_ms.dns", KIND_REAL, HOP(dns_ms)},
	{"timings_ms.tcp", KIND_REAL, HOP(tcp_ms)},
	{"timings_ms.proxy", KIND_REAL, HOP(proxy_ms)},
	{"timings_ms.tls", KIND_REAL, HOP(tls_ms)},
	{"timings_ms.send", KIND_REAL, HOP(send_ms)},
	{"timings_ms.wait", KIND_REAL, HOP(wait_ms)},
	{"timings_ms.head", KIND_REAL, HOP(head_ms)},
	{"timings_ms.first_message", KIND_REAL, HOP(message_ms)},
	{"timings_ms.ping_min", KIND_REAL, HOP(ping_min_ms)},
	{"timings_ms.ping_median", KIND_REAL, HOP(ping_median_ms)},
	{"timings_ms.ping_max", KIND_REAL, HOP(ping_max_ms)},
	{"timings_ms.close", KIND_REAL, HOP(close_ms)},
	{"handshake.deflate_offered", KIND_BOOL, HOP(offered)},
	{"handshake.deflate_granted", KIND_BOOL, HOP(granted)},
	{"handshake.extensions", KIND_TEXT, HOP(extensions)},
	{"handshake.subprotocol", KIND_TEXT, HOP(subprotocol)},
	{"messages.pings", KIND_INT, HOP(pings)},
	{"messages.echo_asked", KIND_BOOL, HOP(echo_asked)},
	{"messages.echoes", KIND_BOOL, HOP(echoes)},
	{"messages.close_code", KIND_INT, HOP(close_code)},
	{"idle.bound_ms", KIND_REAL, HOP(idle_bound_ms)},
	{"idle.died_after_ms", KIND_REAL, HOP(idle_died_ms)},
	{"idle.with_pings_lived", KIND_BOOL, HOP(idle_pinged_lived)},
	{"idle.how", KIND_TEXT, HOP(idle_how)},
	{"size.bound", KIND_SIZE, HOP(frame_bound)},
	{"size.passed", KIND_SIZE, HOP(frame_passed)},
	{"size.close_code", KIND_INT, HOP(frame_close)},
	{"soak.ms", KIND_REAL, HOP(soak_ms)},
	{"soak.drops", KIND_INT, HOP(soak_drops)},
	{"soak.silent", KIND_INT, HOP(soak_silent)},
};
#define REPLY(member) offsetof(struct reply, member)
static const struct member reply_members[] = {
	{"opened", KIND_BOOL, REPLY(opened)},
	{"failure", KIND_TEXT, REPLY(failure)},
	{"why", KIND_TEXT, REPLY(why)},
	{"status", KIND_INT, REPLY(status)},
	{"head", KIND_TEXT, REPLY(head)},
	{"body", KIND_TEXT, REPLY(body)},
	{"first_byte_ms", KIND_REAL, REPLY(first_ms)},
};
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static json_t *member_value(const struct member *m, const void *from)
{
	const void *at = (const char *)from + m->offset;
	double real;

	switch (m->kind) {
	case KIND_TEXT: return *(char *const *)at != NULL ? json_string(*(char *const *)at) : NULL;
	case KIND_BOOL: return *(const bool *)at ? json_true() : NULL;
	case KIND_INT: return *(const int *)at != 0 ? json_integer(*(const int *)at) : NULL;
	case KIND_SIZE: return *(const int64_t *)at != 0 ? json_integer(*(const int64_t *)at) : NULL;
	case KIND_REAL:
		real = *(const double *)at;
		/* A thousandth of a millisecond is as far as these clocks go. */
		return real != 0 ? json_real((double)(int64_t)(real * 1000 + (real < 0 ? -0.5 : 0.5)) / 1000)
				 : NULL;
	}
	return NULL;
}

/* The object that holds the member's value, and the name in it; made when make is set. */
static json_t *member_home(const struct member *m, json_t *root, bool make, const char **name)
{
	const char *dot = strchr(m->path, '.');
	char section[32];

	*name = m->path;
	if (dot == NULL)
		return root;
	*name = dot + 1;
	memcpy(section, m->path, (size_t)(dot - m->path));
	section[dot - m->path] = '\0';
	json_t *home = json_object_get(root, section);
	if (home == NULL && make) {
		home = json_object();
		json_object_set_new(root, section, home);
	}
	return home;
}

static void members_write(const struct member *table, size_t count, const void *from, json_t *to)
{
	for (size_t i = 0; i < count; i++) {
		json_t *value = member_value(&table[i], from);
		const char *name;
		if (value == NULL)
			continue;
		json_t *home = member_home(&table[i], to, true, &name);
		json_object_set_new(home, name, value);
	}
}

static void members_read(const struct member *table, size_t count, void *to, json_t *from)
{
	for (size_t i = 0; i < count; i++) {
		const char *name;
		json_t *home = member_home(&table[i], from, false, &name);
		json_t *value = json_object_get(home, name);
		void *at = (char *)to + table[i].offset;

		switch (table[i].kind) {
		case KIND_TEXT:
			if (json_is_string(value)) {
				free(*(char **)at);
				*(char **)at = mem_strdup(json_string_value(value));
			}
			break;
		case KIND_BOOL: *(bool *)at = json_is_true(value); break;
		case KIND_INT: *(int *)at = (int)json_integer_value(value); break;
		case KIND_SIZE: *(int64_t *)at = json_integer_value(value); break;
		case KIND_REAL: *(double *)at = json_number_value(value); break;
		}
	}
}

json_t *hop_to_json(const struct hop *h)
{
	json_t *json = h->unknown != NULL ? json_deep_copy(h->unknown) : json_object();
	json_t *replies = json_object();

	members_write(hop_members, COUNT(hop_members), h, json);
	json_object_set_new(json, "ok", json_boolean(hop_is_ok(h)));
	json_object_set_new(json, "status", json_integer(h->replies[ASK_UPGRADE].status));
	for (size_t i = 0; i < ASK_KINDS; i++) {
		if (!h->replies[i].asked)
			continue;
		json_t *reply = json_object();
		members_write(reply_members, COUNT(reply_members), &h->replies[i], reply);
		json_object_set_new(replies, ask_names[i], reply);
	}
	json_object_set_new(json, "replies", replies);
	if (h->product != PRODUCT_UNKNOWN)
		json_object_set_new(json, "product", json_string(product_name(h->product)));
	if (h->suspects != NULL)
		json_object_set(json, "configuration", h->suspects);
	return json;
}

struct hop *hop_from_json(const json_t *json)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	json_t *copy, *replies;

	if (name == NULL)
		return NULL;
	struct hop *h = hop_new(name, NULL);
	copy = json_deep_copy(json);
	members_read(hop_members, COUNT(hop_members), h, copy);
	replies = json_object_get(copy, "replies");
	for (size_t i = 0; i < ASK_KINDS; i++) {
		json_t *reply = json_object_get(replies, ask_names[i]);
		if (!json_is_object(reply))
			continue;
		h->replies[i].asked = true;
		members_read(reply_members, COUNT(reply_members), &h->replies[i], reply);
	}
	const char *product = json_string_value(json_object_get(copy, "product"));
	if (product != NULL)
		product_find(product, &h->product);
	if (json_is_array(json_object_get(copy, "configuration")))
		h->suspects = json_incref(json_object_get(copy, "configuration"));
	/* What is written anew is not kept twice. */
	static const char *const known[] = {
		"name", "url", "ok", "status", "replies", "product", "configuration", "findings"};
	for (size_t i = 0; i < COUNT(known); i++)
		json_object_del(copy, known[i]);
	h->unknown = copy;
	return h;
}

bool hop_is_ok(const struct hop *h)
{
	bool died = h->idle_bound_ms > 0 && h->idle_died_ms > 0;
	bool small = h->frame_bound > 0 && h->frame_passed < h->frame_bound;

	return h->replies[ASK_UPGRADE].opened && !died && !small && h->soak_drops == 0 && h->soak_silent == 0;
}

const char *reply_field(const struct reply *r, const char *name, char *out, size_t size, int *count)
{
	const char *line = r->head != NULL ? r->head : "";
	size_t len = strlen(name);
	int found = 0;

	out[0] = '\0';
	while (*line != '\0') {
		size_t end = strcspn(line, "\n");
		if (end > len && line[len] == ':' && strncasecmp(line, name, len) == 0 && found++ == 0) {
			struct span value = span_trim(span_of(line + len + 1, end - len - 1));
			size_t n = value.len < size - 1 ? value.len : size - 1;
			memcpy(out, value.p, n);
			out[n] = '\0';
		}
		line += end + (line[end] == '\n');
	}
	if (count != NULL)
		*count = found;
	return out;
}
