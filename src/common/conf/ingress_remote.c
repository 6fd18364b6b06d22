/* JSON of configurations into rules. What cloudflared writes as JSON is, but for durations, a configuration file: it goes to
 * that parser, so that both are held to the same rules. */
#include <jansson.h>
#include <stdlib.h>

#include "common/conf/ingress_remote.h"

/* Keys whose values are seconds here and texts in a file. */
static const char *const seconds_keys[] = {
	"connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"};
#define SECONDS_KEYS (sizeof(seconds_keys) / sizeof(seconds_keys[0]))

static int seconds_to_text(json_t *options, struct err *err)
{
	char text[32];

	for (size_t i = 0; i < SECONDS_KEYS; i++) {
		const json_t *value = json_object_get(options, seconds_keys[i]);
		if (value == NULL || json_is_null(value))
			continue;
		if (!json_is_integer(value))
			return err_set(err, "%s: not a whole number of seconds", seconds_keys[i]);
		snprintf(text, sizeof(text), "%llds", (long long)json_integer_value(value));
		json_object_set_new(options, seconds_keys[i], json_string(text));
	}
	return 0;
}

static int convert(json_t *config, struct err *err)
{
	json_t *rules = json_object_get(config, "ingress"), *rule;
	size_t i;

	json_array_foreach(rules, i, rule) if (seconds_to_text(json_object_get(rule, "originRequest"), err) <
					       0) return err_wrap(err, "rule %zu", i + 1);
	if (seconds_to_text(json_object_get(config, "originRequest"), err) < 0)
		return err_wrap(err, "originRequest");
	if (seconds_to_text(json_object_get(config, "warp-routing"), err) < 0)
		return err_wrap(err, "warp-routing");
	return 0;
}

/* Only what concerns rules: other keys of a file would be taken for settings. */
static char *file_text(json_t *config)
{
	static const char *const keys[] = {"ingress", "originRequest", "warp-routing"};
	json_t *file = json_object();

	for (size_t i = 0; i < 3; i++)
		if (json_object_get(config, keys[i]) != NULL)
			json_object_set(file, keys[i], json_object_get(config, keys[i]));
	char *text = json_dumps(file, 0);
	json_decref(file);
	return text;
}

static int parse_text(const char *text, struct ingress_remote *out, struct err *err)
{
	struct ingress_file file;
	struct ingress_error error;
	enum ingress_fault fault = ingress_parse(span_str(text), &file, &error);

	if (fault == INGRESS_NO_RULES)
		file.ingress = ingress_single(SPAN("http_status:503"), err);
	else if (fault != INGRESS_OK)
		err_set(err, "%s", error.err.text);
	out->ingress = file.ingress;
	out->warp = file.warp;
	file.ingress = NULL;
	ingress_file_free(&file);
	return out->ingress != NULL ? 0 : -1;
}

static int parse_config(json_t *config, struct ingress_remote *out, struct err *err)
{
	if (!json_is_object(config))
		return err_set(err, "\"config\" is missing, or no object");
	if (convert(config, err) < 0)
		return -1;
	char *text = file_text(config);
	int rc = text != NULL ? parse_text(text, out, err)
			      : err_set(err, "the configuration is nested too deep");
	free(text);
	return rc;
}

enum ingress_remote_result ingress_remote_parse(struct span json, struct ingress_remote *out, struct err *err)
{
	enum ingress_remote_result result = INGRESS_REMOTE_NO_JSON;
	json_error_t why;
	json_t *root = json.len <= INGRESS_REMOTE_MAX ? json_loadb(json.p, json.len, 0, &why) : NULL;
	const json_t *version = json_object_get(root, "version");

	*out = (struct ingress_remote){.version = 0};
	if (json.len > INGRESS_REMOTE_MAX) {
		err_set(err, "larger than %zu bytes", INGRESS_REMOTE_MAX);
	} else if (root == NULL) {
		err_set(err, "no JSON: line %d, column %d", why.line, why.column);
	} else if (!json_is_object(root) || (version != NULL && !json_is_integer(version)) ||
		   json_integer_value(version) < INT32_MIN || json_integer_value(version) > INT32_MAX) {
		err_set(err, "\"version\" is no 32 bit number");
	} else {
		out->version = (int32_t)json_integer_value(version);
		result = parse_config(json_object_get(root, "config"), out, err) == 0 ? INGRESS_REMOTE_OK
										      : INGRESS_REMOTE_BAD;
	}
	json_decref(root);
	return result;
}

void ingress_remote_free(struct ingress_remote *r)
{
	ingress_free(r->ingress);
	r->ingress = NULL;
}

int ingress_remote_answer(int32_t version, const char *why, struct buf *out)
{
	json_t *message = why != NULL ? json_string(why) : NULL;
	json_t *err = why == NULL ? json_null() : json_object();
	char *text = NULL;

	/* cloudflared's is an object too, of whatever its error has in it. A text that is no UTF-8 is left out. */
	if (message != NULL)
		json_object_set_new(err, "message", message);
	json_t *answer = json_pack("{s:i, s:o}", "lastAppliedVersion", (int)version, "err", err);
	if (answer != NULL)
		text = json_dumps(answer, JSON_COMPACT);
	int rc = text != NULL ? buf_add_str(out, text) : -1;
	free(text);
	json_decref(answer);
	return rc;
}
