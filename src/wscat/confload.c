/* Included files, put into the text by an explicit stack: files that include each other end at a limit. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "wscat/confload.h"

/* A file that is being read, or waits to be. */
struct source {
	const char *path; /* borrowed from the confload */
	struct buf text;
	size_t at, line;
	unsigned depth;
	bool is_read;
};

struct loader {
	struct confload *out;
	struct source stack[CONFLOAD_FILES_MAX];
	size_t count;
	const char *server_root; /* Apache's, owned; NULL: none was named */
};

/* --- Finding the directive --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span take_word(struct span *rest)
{
	size_t from = 0;

	while (from < rest->len && is_blank(rest->p[from]))
		from++;
	bool is_quoted = from < rest->len && (rest->p[from] == '"' || rest->p[from] == '\'');
	size_t to = from + is_quoted;
	if (is_quoted)
		while (to < rest->len && rest->p[to] != rest->p[from])
			to++;
	else
		while (to < rest->len && !is_blank(rest->p[to]) && rest->p[to] != ';')
			to++;
	struct span word = span_of(rest->p + from + is_quoted, to - from - is_quoted);
	*rest = span_skip(*rest, is_quoted && to < rest->len ? to + 1 : to);
	return word;
}

/* Does a directive that includes begin here? Then *pattern is what, and *len the directive's length. */
static bool read_include(struct span text, struct span *pattern, size_t *len)
{
	struct span rest = text, verb = take_word(&rest);
	bool is_apache =
		span_eq_nocase(verb, SPAN("IncludeOptional")) || span_eq_nocase(verb, SPAN("Include"));
	bool is_caddy = span_eq(verb, SPAN("import"));

	if (!is_apache && !is_caddy)
		return false;
	*pattern = take_word(&rest);
	struct span tail = span_trim(rest);
	if (span_eq(verb, SPAN("include")) && tail.len > 0 && tail.p[0] == ';') {
		*len = (size_t)(tail.p + 1 - text.p); /* nginx */
		return pattern->len > 0;
	}
	*len = text.len;
	return pattern->len > 0;
}

size_t confload_find(struct span line, struct span *pattern, size_t *len)
{
	bool starts = true;

	for (size_t i = 0; i < line.len && line.p[i] != '#'; i++) {
		char c = line.p[i];
		if (is_blank(c))
			continue;
		if (starts && (c == 'i' || c == 'I') && read_include(span_skip(line, i), pattern, len))
			return i;
		starts = c == ';' || c == '{' || c == '}';
	}
	return line.len;
}

/* --- Finding the files --- */

static void push(struct loader *l, const char *path, unsigned depth)
{
	struct confload *out = l->out;
	struct stat st;

	if (out->file_count == CONFLOAD_FILES_MAX || depth > CONFLOAD_DEPTH_MAX)
		return;
	/* The first is the operator's word, and may be a pipe; others are not waited for. */
	if (depth > 0 && (stat(path, &st) < 0 || !S_ISREG(st.st_mode)))
		return;
	char *copy = out->files[out->file_count++] = mem_strdup(path);
	l->stack[l->count++] =
		(struct source){.path = copy, .text.max = CONFFILE_MAX, .line = 1, .depth = depth};
}

/* Push what matches, so that the first comes out first. False when nothing does. */
static bool push_matches(struct loader *l, const char *pattern, unsigned depth)
{
	glob_t found;
	struct stat st;
	bool is_folder = stat(pattern, &st) == 0 && S_ISDIR(st.st_mode); /* Apache takes all of it */
	char *all = is_folder ? mem_printf("%s/*", pattern) : mem_strdup(pattern);
	bool any = glob(all, 0, NULL, &found) == 0;

	free(all);
	for (size_t i = any ? found.gl_pathc : 0; i-- > 0;)
		push(l, found.gl_pathv[i], depth);
	globfree(&found);
	return any;
}

static void follow(struct loader *l, const struct source *s, struct span pattern)
{
	char *name = mem_spandup(pattern);
	struct span folder = span_str(s->path);
	unsigned depth = s->depth + 1;

	if (name[0] == '/') {
		push_matches(l, name, depth);
		free(name);
		return;
	}
	char *rooted = l->server_root != NULL ? mem_printf("%s/%s", l->server_root, name) : NULL;
	bool done = rooted != NULL && push_matches(l, rooted, depth);
	free(rooted);
	while (!done && folder.len > 0) {
		size_t slash = span_rfind(folder, '/');
		bool is_bare = slash == folder.len; /* a name without a folder: this one */
		folder.len = is_bare ? 0 : slash;
		char *path = is_bare ? mem_strdup(name) : mem_printf("%.*s/%s", (int)slash, folder.p, name);
		done = push_matches(l, path, depth);
		free(path);
	}
	free(name);
}

/* --- Putting the text together --- */

static int emit(struct loader *l, const struct source *s, struct span text, struct err *err)
{
	struct conf_lines *lines = &l->out->lines;

	if (buf_add_span(&l->out->text, text) < 0 || buf_add_char(&l->out->text, '\n') < 0)
		return err_set(err, "%s: more than %zu bytes, with what it includes", l->out->files[0],
			CONFFILE_MAX);
	if ((lines->count & (lines->count - 1)) == 0) /* at powers of two */
		lines->at = mem_grow(lines->at, lines->count > 0 ? 2 * lines->count : 1, sizeof(*lines->at));
	lines->at[lines->count++] = (struct conf_origin){s->path, s->line};
	return 0;
}

static void note_root(struct loader *l, struct span line)
{
	if (!span_eq_nocase(take_word(&line), SPAN("ServerRoot")))
		return;
	free((char *)(uintptr_t)l->server_root);
	l->server_root = mem_spandup(take_word(&line));
}

/* Take one line of the topmost file, or what is left of it behind a directive. */
static int step(struct loader *l, struct err *err)
{
	struct source *s = &l->stack[l->count - 1];
	struct span left = span_skip(buf_span(&s->text), s->at), pattern;
	size_t end = span_find(left, '\n'), len = 0;
	struct span line = span_of(left.p, end);
	size_t at = confload_find(line, &pattern, &len);

	note_root(l, line);
	if (emit(l, s, span_of(line.p, at), err) < 0)
		return -1;
	if (at == line.len) {
		s->at += end < left.len ? end + 1 : end;
		s->line++;
		return 0;
	}
	s->at += at + len;
	/* Before it grows: the stack has room for all files, so s stays. */
	follow(l, s, pattern);
	return 0;
}

static void pop(struct loader *l)
{
	buf_free(&l->stack[--l->count].text);
}

int confload_read(struct confload *c, const char *path, struct err *err)
{
	struct loader *l = mem_alloc(sizeof(*l));
	int rc = 0;

	*c = (struct confload){.text.max = CONFFILE_MAX};
	l->out = c;
	push(l, path, 0);
	while (rc == 0 && l->count > 0) {
		struct source *s = &l->stack[l->count - 1];
		struct err passed_over;
		bool is_new = !s->is_read;
		s->is_read = true;
		if (is_new && fsx_read(s->path, &s->text, s->depth == 0 ? err : &passed_over) < 0) {
			rc = s->depth == 0 ? -1 : 0;
			pop(l);
		} else if (s->at >= buf_len(&s->text)) {
			pop(l);
		} else {
			rc = step(l, err);
		}
	}
	while (l->count > 0)
		pop(l);
	free((char *)(uintptr_t)l->server_root);
	free(l);
	return rc;
}

void confload_free(struct confload *c)
{
	buf_free(&c->text);
	free(c->lines.at);
	for (size_t i = 0; i < c->file_count; i++)
		free(c->files[i]);
	*c = (struct confload){0};
}
