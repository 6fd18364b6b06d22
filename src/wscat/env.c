/* Options made into contexts and field values. */
#include <stdlib.h>

#include "common/base/base64.h"
#include "common/base/fsx.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/proto/url.h"
#include "wscat/where.h"

#define SECRET_FILE_MAX ((size_t)8192) /* bytes of --auth-file and --cookie-file */

/* The file's one line, wiped from where it was read to. NULL with err. */
static char *read_line(const char *path, struct err *err)
{
	struct buf text = {.max = SECRET_FILE_MAX};
	char *line = NULL;

	buf_reserve(&text, SECRET_FILE_MAX);
	if (fsx_read(path, &text, err) == 0) {
		struct span rest, first = span_cut(buf_span(&text), '\n', &rest);
		if (first.len > 0 && first.p[first.len - 1] == '\r')
			first.len--;
		if (rest.len > 0 || first.len == 0 || !header_is_value(first))
			err_set(err, "%s: not one line that a field may hold", path);
		else
			line = mem_spandup(first);
	}
	buf_wipe(&text);
	return line;
}

static void free_secret(char *s)
{
	if (s != NULL)
		secret_wipe(s, strlen(s));
	free(s);
}

/* "Scheme credentials" as it is, "user:password" as Basic (RFC 7617). */
static char *read_authorization(const char *path, struct err *err)
{
	char *line = read_line(path, err);
	struct buf value = {.max = 2 * SECRET_FILE_MAX};

	if (line == NULL || strchr(line, ' ') != NULL)
		return line;
	if (strchr(line, ':') == NULL) {
		free_secret(line);
		err_set(err, "%s: neither USER:PASSWORD nor \"SCHEME CREDENTIALS\"", path);
		return NULL;
	}
	buf_reserve(&value, value.max);
	buf_add_str(&value, "Basic ");
	base64_encode(span_str(line), BASE64_PADDED, &value);
	free_secret(line);
	char *out = mem_spandup(buf_span(&value));
	buf_wipe(&value);
	return out;
}

static int read_compression(const char *text, struct ws_deflate_params *out, struct err *err)
{
	*out = (struct ws_deflate_params){.on = true, .client_bits = WS_DEFLATE_ANY};
	if (text == NULL || strcmp(text, "on") == 0)
		return 0;
	if (strcmp(text, "off") == 0)
		out->on = false;
	else if (!ws_deflate_parse(span_str(text), true, out))
		return err_set(err, "--compression \"%s\": neither on, off nor parameters (RFC 7692)", text);
	return 0;
}

static int check(const struct client_conf *conf, struct env *env, struct err *err)
{
	struct url_authority host;

	if (conf->http2 && conf->http11)
		return err_set(err, "--http2 and --http1.1 exclude each other");
	if ((conf->cert == NULL) != (conf->key == NULL))
		return err_set(err, "--cert and --key belong together");
	for (size_t i = 0; i < conf->subprotocols.count; i++)
		if (!header_is_token(span_str(conf->subprotocols.items[i])))
			return err_set(err, "--subprotocol \"%s\" is no token", conf->subprotocols.items[i]);
	if (conf->origin != NULL && !header_is_value(span_str(conf->origin)))
		return err_set(err, "--origin may not stand in a field");
	if (conf->host != NULL && !url_split_authority(span_str(conf->host), &host))
		return err_set(err, "--host \"%s\" is no host name, with or without a port", conf->host);
	if (where_check(conf, err) < 0)
		return -1;
	return read_compression(conf->compression, &env->deflate, err);
}

struct tls_context *env_tls(struct env *env, bool use_h2, struct err *err)
{
	struct tls_context **tls = use_h2 ? &env->tls_h2 : &env->tls;
	struct tls_client_settings settings = {
		.ca_file = env->conf->cacert,
		.no_verify = env->conf->insecure,
		.alpn = use_h2 ? SPAN("\x02h2") : SPAN("\x08http/1.1"),
		.cert_file = env->conf->cert,
		.key_file = env->conf->key,
	};

	if (*tls == NULL)
		*tls = tls_client_context(&settings, err);
	return *tls;
}

int env_init(struct env *env, const struct client_conf *conf, int *status, struct err *err)
{
	*env = (struct env){.conf = conf};
	*status = EXIT_USAGE;
	if (check(conf, env, err) < 0)
		return -1;
	*status = EXIT_CANNOT;
	if (conf->auth_file != NULL) {
		env->authorization = read_authorization(conf->auth_file, err);
		if (env->authorization == NULL)
			return -1;
	}
	if (conf->cookie_file != NULL) {
		env->cookie = read_line(conf->cookie_file, err);
		if (env->cookie == NULL)
			return -1;
	}
	env->loop = loop_new(err);
	return env->loop != NULL ? 0 : -1;
}

void env_fini(struct env *env)
{
	free_secret(env->authorization);
	free_secret(env->cookie);
	tls_context_free(env->tls);
	tls_context_free(env->tls_h2);
	loop_free(env->loop);
	*env = (struct env){0};
}
