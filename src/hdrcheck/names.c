/* libpsl and the preload list behind a few questions. */
#include <arpa/inet.h>
#include <jansson.h>
#include <libpsl.h>
#include <stdlib.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/proto/url.h"
#include "hdrcheck/names.h"

struct names {
	const psl_ctx_t *suffixes;  /* libpsl's own */
	json_t *preload;            /* owned; NULL: none */
	struct bypass_list *bypass; /* owned; NULL: the one that is built in */
};

static json_t *read_preload(const char *path, struct err *err)
{
	struct buf text = {.max = NAMES_PRELOAD_MAX};
	json_error_t why;
	json_t *list = NULL;

	if (fsx_read(path, &text, err) == 0) {
		list = json_loadb(buf_span(&text).p, buf_len(&text), 0, &why);
		if (!json_is_object(list)) {
			err_set(err, "%s: line %d: %s", path, list == NULL ? why.line : 1,
				list == NULL ? why.text : "not an object of host names");
			json_decref(list);
			list = NULL;
		}
	}
	buf_free(&text);
	return list;
}

struct names *names_new(const char *preload, const char *bypass, struct err *err)
{
	struct names *n = mem_alloc(sizeof(*n));

	n->suffixes = psl_builtin();
	if ((preload != NULL && (n->preload = read_preload(preload, err)) == NULL) ||
		(bypass != NULL && (n->bypass = bypass_read(bypass, err)) == NULL)) {
		names_free(n);
		return NULL;
	}
	return n;
}

void names_free(struct names *n)
{
	if (n == NULL)
		return;
	json_decref(n->preload);
	bypass_free(n->bypass);
	free(n);
}

const struct bypass_list *names_bypass(const struct names *n)
{
	return n->bypass != NULL ? n->bypass : &bypass_builtin;
}

bool names_is_address(struct span host)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr unused;

	if (host.len == 0 || host.len >= sizeof(text))
		return false;
	memcpy(text, host.p, host.len);
	return inet_pton(AF_INET, text, &unused) == 1 || inet_pton(AF_INET6, text, &unused) == 1;
}

static bool is_suffix(const struct names *n, struct span host, int type)
{
	char text[URL_HOST_MAX + 2] = "";

	if (host.len == 0 || host.len >= sizeof(text))
		return false;
	for (size_t i = 0; i < host.len; i++)
		text[i] = span_lower(host.p[i]);
	return psl_is_public_suffix2(n->suffixes, text, type) == 1;
}

bool names_is_suffix(const struct names *n, struct span host)
{
	return is_suffix(n, host, PSL_TYPE_ANY);
}

/* The host without its first label. */
static struct span parent_of(struct span host)
{
	struct span rest;

	span_cut(host, '.', &rest);
	return rest;
}

struct span names_registered(const struct names *n, struct span host)
{
	if (host.len > 0 && host.p[host.len - 1] == '.')
		host.len--;
	if (names_is_address(host) || is_suffix(n, host, PSL_TYPE_ICANN))
		return (struct span){0};
	while (host.len > 0) {
		struct span parent = parent_of(host);
		if (parent.len == 0)
			return (struct span){0};
		if (is_suffix(n, parent, PSL_TYPE_ICANN))
			return host;
		host = parent;
	}
	return host;
}

bool names_is_preloaded(const struct names *n, struct span host)
{
	bool is_parent = false;

	for (; n->preload != NULL && host.len > 0; host = parent_of(host), is_parent = true) {
		json_t *entry = json_object_getn(n->preload, host.p, host.len);
		const char *mode = json_string_value(json_object_get(entry, "mode"));
		bool deep = json_is_true(json_object_get(entry, "includeSubDomains"));
		if (mode != NULL && strcmp(mode, "force-https") == 0 && (deep || !is_parent))
			return true;
	}
	return false;
}

bool names_has_preload(const struct names *n)
{
	return n->preload != NULL;
}
