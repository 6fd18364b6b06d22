/* URLs of WebSockets. */
#include <stdlib.h>
#include <sys/un.h>

#include "common/base/mem.h"
#include "common/proto/url.h"
#include "wscat/target.h"

#define UNIX_SCHEME "ws+unix:"

static int parse_unix(const char *url, struct target *out, struct err *err)
{
	const char *path = url + sizeof(UNIX_SCHEME) - 1;
	const char *request = strstr(path, ":/");
	size_t len = request != NULL ? (size_t)(request - path) : strlen(path);

	if (len >= 2 && path[0] == '/' && path[1] == '/') { /* an empty authority: ws+unix:///run/s */
		path += 2;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(err, "%s: no path of a socket, or one too long", url);
	out->unix_path = mem_spandup(span_of(path, len));
	out->host = mem_strdup("localhost");
	out->port = mem_strdup("0");
	out->authority = mem_strdup("localhost");
	out->path = mem_strdup(request != NULL ? request + 1 : "/");
	return 0;
}

int target_parse(const char *url, struct target *out, struct err *err)
{
	struct url u;

	*out = (struct target){.url = mem_strdup(url)};
	if (strncmp(url, UNIX_SCHEME, sizeof(UNIX_SCHEME) - 1) == 0) {
		if (parse_unix(url, out, err) == 0)
			return 0;
	} else if (url_parse(span_str(url), &u, err) == 0) {
		out->is_tls = url_is_tls(u.scheme);
		out->host = mem_spandup(u.host);
		out->port = mem_printf("%u", (unsigned)u.port);
		out->authority = mem_spandup(u.authority);
		out->path = u.query.p != NULL ? mem_printf("%.*s?%.*s", (int)u.path.len, u.path.p,
							(int)u.query.len, u.query.p)
					      : mem_spandup(u.path);
		return 0;
	} else {
		err_wrap(err, "%s", url);
	}
	target_free(out);
	return -1;
}

char *target_origin(const struct target *t)
{
	return mem_printf("%s://%s", t->is_tls ? "https" : "http", t->authority);
}

static char *copy_text(const char *s)
{
	return s != NULL ? mem_strdup(s) : NULL;
}

void target_copy(struct target *to, const struct target *from)
{
	*to = (struct target){
		.url = copy_text(from->url),
		.is_tls = from->is_tls,
		.host = copy_text(from->host),
		.port = copy_text(from->port),
		.unix_path = copy_text(from->unix_path),
		.authority = copy_text(from->authority),
		.path = copy_text(from->path),
	};
}

void target_free(struct target *t)
{
	free(t->url);
	free(t->host);
	free(t->port);
	free(t->unix_path);
	free(t->authority);
	free(t->path);
	*t = (struct target){0};
}
