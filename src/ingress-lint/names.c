/* Counting hostnames. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "ingress-lint/names.h"
#include "ingress-lint/view.h"

static size_t get(const struct map *m, struct span key)
{
	const size_t *count = map_get(m, key);

	return count != NULL ? *count : 0;
}

static void add(struct names *n, struct map *m, struct span key)
{
	size_t *count = map_get(m, key);

	if (count == NULL) {
		count = &n->counts[n->used++];
		map_put(m, key, count);
	}
	++*count;
}

static size_t count_dots(const char *host)
{
	size_t dots = 0;

	for (; *host != '\0'; host++)
		dots += *host == '.';
	return dots;
}

void names_init(struct names *n, const struct view_rule *rules, size_t count)
{
	size_t keys = 0;

	for (size_t i = 0; i < count; i++)
		keys += 2 + count_dots(rules[i].host);
	*n = (struct names){.counts = mem_array(keys + 1, sizeof(n->counts[0]))};
	for (size_t i = 0; i < count; i++) {
		struct span host = span_str(rules[i].host);
		if (view_is_any(rules[i].host)) {
			n->any++;
			continue;
		}
		add(n, &n->rules, host);
		if (rules[i].punycode != NULL)
			add(n, &n->rules, span_str(rules[i].punycode));
		for (size_t k = 0; k < host.len; k++)
			if (host.p[k] == '.')
				add(n, &n->under, span_skip(host, k));
	}
}

void names_fini(struct names *n)
{
	map_free(&n->rules);
	map_free(&n->under);
	free(n->counts);
}

size_t names_count(const struct names *n, struct span host)
{
	return get(&n->rules, host);
}

/* Is there a wildcard, other than the host itself, that it lies under? */
static bool lies_under(const struct names *n, struct span host)
{
	char star[256];

	for (size_t i = 1; i < host.len; i++) {
		struct span ending = span_skip(host, i);
		if (host.p[i] != '.' || ending.len + 1 > sizeof(star) || (i == 1 && host.p[0] == '*'))
			continue;
		star[0] = '*';
		memcpy(star + 1, ending.p, ending.len);
		if (get(&n->rules, span_of(star, ending.len + 1)) > 0)
			return true;
	}
	return false;
}

bool names_overlap(const struct names *n, const char *host, size_t any)
{
	struct span name = span_str(host);

	if (view_is_any(host)) /* all named rules, and its equals, but for itself */
		return n->rules.count > 0 || n->any > any + 1;
	return n->any > any || get(&n->rules, name) > 1 || lies_under(n, name) ||
	       (view_is_wildcard(host) && get(&n->under, span_skip(name, 1)) > 1);
}
