/* A walk over gumbo's tree. */
#include <gumbo.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>

#include "hdrcheck/html.h"
#include "hdrcheck/text.h"

/* --- Memory: all of it is on one list, and a document that wants too much is left by longjmp --- */

struct piece {
	struct piece *prev, *next;
	size_t size;
};

struct memory {
	struct piece *first;
	size_t used;
	size_t calls;
	double deadline; /* seconds of processor time */
	jmp_buf exhausted;
};

#define CALLS_PER_LOOK 256 /* at the clock */

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool memory_is_late(struct memory *m)
{
	return m->calls++ % CALLS_PER_LOOK == 0 && processor_seconds() > m->deadline;
}

static void *memory_take(void *arg, size_t size)
{
	struct memory *m = arg;
	struct piece *p = NULL;

	if (!memory_is_late(m) && size < HTML_MEMORY_MAX && m->used + size <= HTML_MEMORY_MAX)
		p = malloc(sizeof(*p) + size);
	if (p == NULL)
		longjmp(m->exhausted, 1); /* NOLINT(cert-err52-cpp): gumbo has no way to say no */
	*p = (struct piece){.next = m->first, .size = sizeof(*p) + size};
	if (m->first != NULL)
		m->first->prev = p;
	m->first = p;
	m->used += p->size;
	return p + 1;
}

static void memory_give(void *arg, void *bytes)
{
	struct memory *m = arg;

	if (bytes == NULL)
		return;
	struct piece *p = (struct piece *)bytes - 1;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		m->first = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	m->used -= p->size;
	free(p);
}

static void memory_drop(struct memory *m)
{
	struct piece *next;

	for (struct piece *p = m->first; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	m->first = NULL;
}

/* --- The walk --- */

struct walk {
	struct arena *arena;
	struct html *out;
	size_t noscripts, templates, heads; /* open around the node */
};

static struct span attribute(struct arena *a, const GumboNode *n, const char *name)
{
	const GumboAttribute *at = gumbo_get_attribute(&n->v.element.attributes, name);

	return at != NULL ? arena_copy(a, span_str(at->value)) : (struct span){0};
}

static bool has_handler(const GumboNode *n)
{
	const GumboVector *list = &n->v.element.attributes;

	for (unsigned i = 0; i < list->length; i++) {
		const GumboAttribute *at = list->data[i];
		if (strncmp(at->name, "on", 2) == 0)
			return true;
	}
	return false;
}

static bool has_text(const GumboNode *n)
{
	return n->v.element.children.length > 0;
}

static bool kind_of(const GumboNode *n, enum html_kind *kind)
{
	GumboTag tag = n->v.element.tag;

	if (n->v.element.tag_namespace != GUMBO_NAMESPACE_HTML && tag != GUMBO_TAG_SCRIPT)
		return false;
	if (tag == GUMBO_TAG_META)
		*kind = HTML_META;
	else if (tag == GUMBO_TAG_SCRIPT)
		*kind = HTML_SCRIPT;
	else if (tag == GUMBO_TAG_LINK)
		*kind = HTML_LINK;
	else if (tag == GUMBO_TAG_BASE)
		*kind = HTML_BASE;
	else
		return false;
	return true;
}

/* --- URLs over plain HTTP --- */

static const struct {
	GumboTag tag;
	const char *attribute;
	enum html_use use;
} uses[] = {
	{GUMBO_TAG_IMG, "src", HTML_UPGRADED},
	{GUMBO_TAG_IMG, "srcset", HTML_BLOCKED},
	{GUMBO_TAG_SOURCE, "src", HTML_UPGRADED},
	{GUMBO_TAG_SOURCE, "srcset", HTML_BLOCKED},
	{GUMBO_TAG_AUDIO, "src", HTML_UPGRADED},
	{GUMBO_TAG_VIDEO, "src", HTML_UPGRADED},
	{GUMBO_TAG_VIDEO, "poster", HTML_UPGRADED},
	{GUMBO_TAG_INPUT, "src", HTML_UPGRADED},
	{GUMBO_TAG_BODY, "background", HTML_UPGRADED},
	{GUMBO_TAG_TRACK, "src", HTML_BLOCKED},
	{GUMBO_TAG_IFRAME, "src", HTML_BLOCKED},
	{GUMBO_TAG_FRAME, "src", HTML_BLOCKED},
	{GUMBO_TAG_EMBED, "src", HTML_BLOCKED},
	{GUMBO_TAG_OBJECT, "data", HTML_BLOCKED},
	{GUMBO_TAG_BASE, "href", HTML_BLOCKED}, /* for all that is relative to it */
	{GUMBO_TAG_FORM, "action", HTML_FORM},
	{GUMBO_TAG_INPUT, "formaction", HTML_FORM},
	{GUMBO_TAG_BUTTON, "formaction", HTML_FORM},
};

/* A URL, or of a set of images the first that is over plain HTTP; a NULL pointer when none is. */
static struct span plain_url(const char *text, bool is_set)
{
	struct span rest = span_str(text), item = text_trim(rest), url;

	if (!is_set)
		return span_starts_nocase(item, SPAN("http://")) ? item : (struct span){0};
	while (text_piece(&rest, ',', &item))
		if (text_word(&item, &url) && span_starts_nocase(url, SPAN("http://")))
			return url;
	return (struct span){0};
}

static void note_plain(struct walk *w, const GumboNode *n, const char *attribute, enum html_use use)
{
	const GumboAttribute *at = gumbo_get_attribute(&n->v.element.attributes, attribute);
	struct html_plain *p = &w->out->plain[use];

	if (at == NULL)
		return;
	struct span url = plain_url(at->value, strcmp(attribute, "srcset") == 0);
	if (url.p == NULL || p->count++ > 0)
		return;
	p->first = arena_copy(w->arena, url);
	p->element = gumbo_normalized_tagname(n->v.element.tag);
}

/* What a link loads depends on what it is for; most load nothing. */
static void note_link(struct walk *w, const GumboNode *n)
{
	static const struct {
		const char *rel;
		enum html_use use;
	} rels[] = {{"stylesheet", HTML_BLOCKED}, {"manifest", HTML_BLOCKED}, {"preload", HTML_BLOCKED},
		{"modulepreload", HTML_BLOCKED}, {"icon", HTML_UPGRADED},
		{"apple-touch-icon", HTML_UPGRADED}};
	const GumboAttribute *rel = gumbo_get_attribute(&n->v.element.attributes, "rel");
	struct span rest = span_str(rel != NULL ? rel->value : ""), word;

	while (text_word(&rest, &word))
		for (size_t i = 0; i < sizeof(rels) / sizeof(rels[0]); i++)
			if (span_eq_nocase(word, span_str(rels[i].rel))) {
				note_plain(w, n, "href", rels[i].use);
				return;
			}
}

/* Templates and what is for browsers without scripts load nothing by themselves. */
static void note_plain_urls(struct walk *w, const GumboNode *n)
{
	if (w->templates > 0 || w->noscripts > 0 || n->v.element.tag_namespace != GUMBO_NAMESPACE_HTML)
		return;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (uses[i].tag == n->v.element.tag)
			note_plain(w, n, uses[i].attribute, uses[i].use);
	if (n->v.element.tag == GUMBO_TAG_LINK)
		note_link(w, n);
}

static void enter(struct walk *w, const GumboNode *n)
{
	struct arena *a = w->arena;
	struct html *out = w->out;
	enum html_kind kind;

	note_plain_urls(w, n);
	out->inline_handlers = out->inline_handlers || has_handler(n);
	if (kind_of(n, &kind)) {
		out->at = arena_more(a, out->at, out->count, sizeof(*out->at));
		out->at[out->count++] = (struct html_element){
			.kind = kind,
			.in_head = w->heads > 0,
			.in_noscript = w->noscripts > 0,
			.in_template = w->templates > 0,
			.src = attribute(a, n, "src"),
			.href = attribute(a, n, "href"),
			.integrity = attribute(a, n, "integrity"),
			.crossorigin = attribute(a, n, "crossorigin"),
			.http_equiv = attribute(a, n, "http-equiv"),
			.name = attribute(a, n, "name"),
			.content = attribute(a, n, "content"),
			.nonce = attribute(a, n, "nonce"),
			.rel = attribute(a, n, "rel"),
			.has_text = has_text(n),
		};
	}
	w->noscripts += n->v.element.tag == GUMBO_TAG_NOSCRIPT;
	w->templates += n->v.element.tag == GUMBO_TAG_TEMPLATE;
	w->heads += n->v.element.tag == GUMBO_TAG_HEAD;
}

static void leave(struct walk *w, const GumboNode *n)
{
	w->noscripts -= n->v.element.tag == GUMBO_TAG_NOSCRIPT;
	w->templates -= n->v.element.tag == GUMBO_TAG_TEMPLATE;
	w->heads -= n->v.element.tag == GUMBO_TAG_HEAD;
}

static bool is_element(const GumboNode *n)
{
	return n->type == GUMBO_NODE_ELEMENT || n->type == GUMBO_NODE_TEMPLATE;
}

/* The first element among n's children from index on. */
static const GumboNode *child_from(const GumboNode *n, size_t index)
{
	const GumboVector *children = &n->v.element.children;

	for (size_t i = index; i < children->length; i++) {
		const GumboNode *child = children->data[i];
		if (is_element(child))
			return child;
	}
	return NULL;
}

/* In document order, however deep it is: no recursion. */
static void walk(struct walk *w, const GumboNode *root)
{
	const GumboNode *n = root;

	enter(w, n);
	for (;;) {
		const GumboNode *next = child_from(n, 0);
		while (next == NULL) {
			leave(w, n);
			if (n == root)
				return;
			next = child_from(n->parent, n->index_within_parent + 1);
			n = n->parent;
		}
		n = next;
		enter(w, n);
	}
}

static int read_tree(struct memory *m, struct walk *w, struct span text)
{
	GumboOptions options = kGumboDefaultOptions;

	options.allocator = memory_take;
	options.deallocator = memory_give;
	options.userdata = m;
	options.max_errors = 0;
	if (setjmp(m->exhausted) != 0) /* NOLINT(cert-err52-cpp): see memory_take */
		return -1;
	walk(w, gumbo_parse_with_options(&options, text.p, text.len)->root);
	return 0;
}

int html_read(struct arena *a, struct span text, struct html *out, struct err *err)
{
	struct memory memory = {.deadline = processor_seconds() + HTML_SECONDS_MAX};
	struct walk w = {.arena = a, .out = out};

	*out = (struct html){0};
	if (text.len > HTML_BYTES_MAX)
		text.len = HTML_BYTES_MAX;
	if (text.len == 0)
		return 0;
	int rc = read_tree(&memory, &w, text);
	memory_drop(&memory);
	return rc < 0 ? err_set(err, "the document takes too much memory or time to parse") : 0;
}
