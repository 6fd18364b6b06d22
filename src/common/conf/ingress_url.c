/* URLs that ask for a rule (cloudflared's ingress/rule.go and cmd/cloudflared/tunnel/ingress_subcommands.go). */
#include <stdlib.h>

#include "common/conf/gourl.h"
#include "common/conf/ingress_url.h"

const char *ingress_url_parse(struct span text, enum release release, struct ingress_url *out)
{
	struct gourl u;
	struct span host, port;

	*out = (struct ingress_url){0};
	if (text.len == 0)
		return "url-missing";
	if (gourl_parse(text, release, &u) != NULL)
		return "url-invalid";
	gourl_split_host(u.host, &host, &port);
	if (host.len == 0 && u.scheme.len == 0)
		return "url-no-hostname";
	out->host = gourl_unescape(host, &out->host_len);
	out->path = gourl_unescape(u.path, &out->path_len);
	return NULL;
}

void ingress_url_free(struct ingress_url *u)
{
	free(u->host);
	free(u->path);
	*u = (struct ingress_url){0};
}
