/* Options that send a connection elsewhere than its URL says. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/proto/url.h"
#include "wscat/where.h"

bool where_is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static void set_text(char **to, char *value)
{
	free(*to);
	*to = value;
}

static int read_address(const char *option, struct span text, char **host, char **port, struct err *err)
{
	struct url_authority a;

	if (url_parse_address(text, &a, err) < 0)
		return err_wrap(err, "%s", option);
	if (a.host.len == 0 || a.port == 0)
		return err_set(err, "%s \"%.*s\" names no host or port", option, (int)text.len, text.p);
	set_text(host, mem_spandup(a.host));
	set_text(port, mem_printf("%d", a.port));
	return 0;
}

/* HOST:PORT:ADDRESS, an IPv6 address in brackets or without. */
static int apply_resolve(const struct opt_list *list, struct where *w, struct err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct span address, rest, name = span_cut(span_str(list->items[i]), ':', &rest);
		struct span port = span_cut(rest, ':', &address);
		if (address.len > 2 && address.p[0] == '[' && address.p[address.len - 1] == ']')
			address = span_of(address.p + 1, address.len - 2);
		char *text = mem_spandup(address);
		bool is_address = where_is_address(text);
		bool applies = is_address && span_eq_nocase(name, span_str(w->host)) &&
			       span_eq(port, span_str(w->port));
		if (applies)
			set_text(&w->host, text);
		else
			free(text);
		if (!is_address)
			return err_set(err, "--resolve \"%s\" is not HOST:PORT:ADDRESS", list->items[i]);
	}
	return 0;
}

static const struct {
	struct span scheme;
	enum where_proxy kind;
	const char *port;
} proxies[] = {
	{{"http://", 7}, WHERE_HTTP, "80"},
	{{"socks5://", 9}, WHERE_SOCKS5, "1080"},
	{{"socks5h://", 10}, WHERE_SOCKS5_H, "1080"},
};

static int apply_proxy(const char *text, struct where *w, struct err *err)
{
	struct url_authority a;

	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		struct span rest = span_str(text);
		if (!span_starts_nocase(rest, proxies[i].scheme))
			continue;
		rest = span_skip(rest, proxies[i].scheme.len);
		size_t at = span_rfind(rest, '@');
		if (at < rest.len) {
			w->credentials = mem_spandup(span_of(rest.p, at));
			rest = span_skip(rest, at + 1);
		}
		if (rest.len > 0 && rest.p[rest.len - 1] == '/')
			rest.len--;
		if (!url_split_authority(rest, &a))
			return err_set(err, "--proxy: its URL has no valid host");
		w->proxy = proxies[i].kind;
		w->far_host = w->host;
		w->far_port = w->port;
		w->host = mem_spandup(a.host);
		w->port = a.port > 0 ? mem_printf("%d", a.port) : mem_strdup(proxies[i].port);
		return 0;
	}
	return err_set(err, "--proxy: its URL begins with http://, socks5:// or socks5h://");
}

int where_find(const struct client_conf *conf, const struct target *target, struct where *w, struct err *err)
{
	*w = (struct where){.host = mem_strdup(target->host), .port = mem_strdup(target->port)};
	int rc = 0;

	if (target->unix_path != NULL) {
		w->unix_path = mem_strdup(target->unix_path);
		return 0;
	}
	if (conf->connect_to != NULL)
		rc = read_address("--connect-to", span_str(conf->connect_to), &w->host, &w->port, err);
	if (rc == 0)
		rc = apply_resolve(&conf->resolve, w, err);
	if (rc == 0 && conf->proxy != NULL)
		rc = apply_proxy(conf->proxy, w, err);
	if (rc < 0)
		where_free(w);
	return rc;
}

int where_check(const struct client_conf *conf, struct err *err)
{
	char host[] = "localhost", port[] = "80";
	struct target any = {.host = host, .port = port};
	struct where w;

	if (where_find(conf, &any, &w, err) < 0)
		return -1;
	where_free(&w);
	return 0;
}

void where_free(struct where *w)
{
	if (w->credentials != NULL)
		secret_wipe(w->credentials, strlen(w->credentials));
	free(w->host);
	free(w->port);
	free(w->unix_path);
	free(w->far_host);
	free(w->far_port);
	free(w->credentials);
	*w = (struct where){0};
}
