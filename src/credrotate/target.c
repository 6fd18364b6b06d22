/* The text of a target, and the bytes it holds. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/utf8.h"
#include "credrotate/secretref.h"

static const char *const signal_names[] = {"none", "reload", "restart", "surge", "rollout", "exec"};

const char *target_signal_name(enum target_signal s)
{
	return signal_names[s];
}

bool target_is_gapless(const struct target *t)
{
	return t->signal != TARGET_RESTART && t->signal != TARGET_EXEC;
}

/* --- Parsing --- */

static int parse_signal(struct target *t, const char *value, struct err *err)
{
	for (size_t i = 0; i < sizeof(signal_names) / sizeof(signal_names[0]); i++)
		if (strcmp(value, signal_names[i]) == 0) {
			t->signal = (enum target_signal)i;
			t->has_signal = true;
			return 0;
		}
	return err_set(err, "\"%s\": signal=%s is none of none, reload, restart, surge, rollout and exec",
		t->text, value);
}

static int parse_format(struct target *t, const char *value, struct err *err)
{
	if (strcmp(value, "credentials") == 0)
		t->format = TARGET_CREDENTIALS;
	else if (strcmp(value, "token") == 0)
		t->format = TARGET_TOKEN;
	else
		return err_set(err, "\"%s\": format=%s is neither credentials nor token", t->text, value);
	return 0;
}

static int parse_option(struct target *t, const char *name, const char *value, struct err *err)
{
	const struct {
		const char *name;
		const char **to;
	} texts[] = {{"unit", &t->unit}, {"standby", &t->standby}, {"pidfile", &t->pidfile},
		{"cmd", &t->command}, {"metrics", &t->metrics}, {"rollout", &t->rollout}};
	uint64_t n;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].to = value;
			return 0;
		}
	if (strcmp(name, "signal") == 0)
		return parse_signal(t, value, err);
	if (strcmp(name, "format") == 0)
		return parse_format(t, value, err);
	if (strcmp(name, "replicas") == 0) {
		if (!span_to_u64(span_str(value), TARGET_REPLICAS_MAX, &n) || n == 0)
			return err_set(err, "\"%s\": replicas=%s is not a number from 1 to %d", t->text,
				value, TARGET_REPLICAS_MAX);
		t->replicas = (int64_t)n;
		t->has_replicas = true;
		return 0;
	}
	return err_set(err,
		"\"%s\": no option %s; there are format, signal, unit, standby, pidfile, cmd, metrics, "
		"rollout and "
		"replicas",
		t->text, name);
}

/* Do the signal and what it needs go together? */
static int check_signal(const struct target *t, struct err *err)
{
	const char *missing = NULL;

	switch (t->signal) {
	case TARGET_RELOAD:
		missing = t->unit == NULL && t->pidfile == NULL ? "unit= or pidfile=" : NULL;
		break;
	case TARGET_RESTART: missing = t->unit == NULL ? "unit=" : NULL; break;
	case TARGET_SURGE:
		missing = t->unit == NULL || t->standby == NULL ? "unit= and standby=" : NULL;
		break;
	case TARGET_ROLLOUT: missing = t->rollout == NULL ? "rollout=deployment/NAME" : NULL; break;
	case TARGET_EXEC: missing = t->command == NULL ? "cmd=" : NULL; break;
	case TARGET_NONE: break;
	}
	if (missing != NULL)
		return err_set(
			err, "\"%s\": signal=%s needs %s", t->text, target_signal_name(t->signal), missing);
	if ((t->signal == TARGET_ROLLOUT || t->rollout != NULL) && t->ops != &target_kube)
		return err_set(err, "\"%s\": rollout is for targets k8s:", t->text);
	if (t->rollout != NULL && (strncmp(t->rollout, "deployment/", 11) != 0 ||
					  !secretref_is_name(span_str(t->rollout + 11))))
		return err_set(err, "\"%s\": rollout= takes deployment/NAME", t->text);
	return 0;
}

int target_read(struct target *t, const char *text, struct arena *a, struct err *err)
{
	static const struct target_ops *const kinds[] = {&target_file, &target_kube, &target_manifest};
	struct span rest, body, kind = span_cut(span_str(text), ':', &body);

	*t = (struct target){.text = arena_copy(a, span_str(text)).p, .replicas = 1};
	if (!utf8_is_whole(span_str(text))) /* the journal and the records are JSON */
		return err_set(err, "\"%s\": is not UTF-8", text);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (span_eq(kind, span_str(kinds[i]->kind)))
			t->ops = kinds[i];
	if (t->ops == NULL || body.len == 0)
		return err_set(err,
			"\"%s\": a target is file:PATH, k8s:NAMESPACE/NAME#KEY or "
			"manifest:NAMESPACE/NAME#KEY",
			text);
	t->place = arena_copy(a, span_cut(body, ',', &rest)).p;
	if (t->place[0] == '\0')
		return err_set(err, "\"%s\": nothing stands behind %s:", text, t->ops->kind);
	while (rest.len > 0) {
		struct span value, item = span_cut(rest, ',', &rest);
		struct span name = span_cut(item, '=', &value);
		if (value.len == 0)
			return err_set(
				err, "\"%s\": \"%.*s\" is not option=value", text, (int)item.len, item.p);
		if (parse_option(t, arena_copy(a, name).p, arena_copy(a, value).p, err) < 0)
			return -1;
	}
	if (t->rollout != NULL && !t->has_signal)
		t->signal = TARGET_ROLLOUT;
	return check_signal(t, err);
}

void target_drop(struct target *t)
{
	if (t == NULL)
		return;
	if (t->ops != NULL && t->own != NULL)
		t->ops->close(t);
	free(t->reference);
	free(t->rolled_from);
	census_free(&t->before);
}

/* --- What it holds --- */

static struct span trim_space(struct span s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
		s = span_skip(s, 1);
	return s;
}

int target_extract(struct span text, enum target_format wanted, const struct uuid *tunnel,
	enum target_format *format, struct secret *out, struct err *err)
{
	struct span start = trim_space(text);
	struct cred c = {0};

	*format = wanted != TARGET_AUTO                ? wanted
		  : start.len > 0 && start.p[0] == '{' ? TARGET_CREDENTIALS
						       : TARGET_TOKEN;
	if ((*format == TARGET_CREDENTIALS ? cred_parse(text, &c, err) : cred_parse_token(text, &c, err)) < 0)
		return -1;
	bool same = uuid_eq(&c.tunnel_id, tunnel);
	if (same)
		secret_set(out, c.secret.data, c.secret.len);
	char id[UUID_TEXT_LEN + 1];
	uuid_print(&c.tunnel_id, id);
	cred_free(&c);
	return same ? 0 : err_set(err, "holds the credentials of another tunnel, %s", id);
}

/* The end of the string that begins at text[at], one past its closing quote. The text is known to be JSON. */
static size_t string_end(struct span text, size_t at)
{
	for (at++; at < text.len && text.p[at] != '"'; at++)
		if (text.p[at] == '\\')
			at++;
	return at < text.len ? at + 1 : text.len;
}

/* Where the text of the outermost object's TunnelSecret stands, without its quotes. */
static bool find_secret(struct span json, struct span *value)
{
	struct span name = {0}, best = {0};
	bool exact = false;
	int depth = 0;

	for (size_t at = 0; at < json.len;) {
		char c = json.p[at];
		if (c != '"') {
			depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
			if (c == ',' || c == '{')
				name = (struct span){0};
			at++;
			continue;
		}
		size_t end = string_end(json, at);
		struct span string = span_of(json.p + at + 1, end - at - 2);
		if (depth == 1 && name.p == NULL) {
			name = string;
		} else if (depth == 1 && !exact && span_eq_nocase(name, SPAN("TunnelSecret"))) {
			exact = span_eq(name, SPAN("TunnelSecret"));
			best = best.p == NULL || exact ? string : best;
		}
		at = end;
	}
	*value = best;
	return best.p != NULL;
}

static int compose_credentials(struct span old, const struct cred *c, struct buf *out, struct err *err)
{
	struct buf text = {.max = 2 * CRED_SECRET_MAX};
	struct span value;
	int rc = 0;

	if (old.len == 0)
		return cred_print(c, out);
	if (!find_secret(old, &value))
		return err_set(err, "\"TunnelSecret\" is not written plainly");
	buf_reserve(&text, 2 * CRED_SECRET_MAX);
	base64_encode(span_of((const char *)c->secret.data, c->secret.len), BASE64_PADDED, &text);
	size_t before = (size_t)(value.p - old.p), after = before + value.len;
	if (buf_add(out, old.p, before) < 0 || buf_add_span(out, buf_span(&text)) < 0 ||
		buf_add_span(out, span_skip(old, after)) < 0)
		rc = err_set(err, "larger than %zu bytes", CRED_FILE_MAX);
	buf_wipe(&text);
	return rc;
}

int target_compose(
	enum target_format format, struct span old, const struct cred *c, struct buf *out, struct err *err)
{
	buf_reserve(out, CRED_FILE_MAX);
	if (format == TARGET_CREDENTIALS)
		return compose_credentials(old, c, out, err);
	if (cred_print_token(c, out) < 0 || buf_add_char(out, '\n') < 0)
		return err_set(err, "the token is larger than %zu bytes", CRED_FILE_MAX);
	return 0;
}
