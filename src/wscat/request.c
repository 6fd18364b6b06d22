/* Writing the opening handshake. */
#include "wscat/request.h"

void request_default(struct request *r, const char *host, const char *path, const char *origin)
{
	*r = (struct request){
		.host = host, .path = path, .origin = origin, .connection = "Upgrade", .version = WS_VERSION};
	ws_make_key(r->key);
}

static bool is_ours(struct span name)
{
	static const char *const ours[] = {"host", "origin", "connection", "upgrade", "sec-websocket-key",
		"sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol",
		"content-length", "transfer-encoding"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (span_eq_nocase(name, span_str(ours[i])))
			return true;
	return false;
}

static void split_header(const char *text, struct span *name, struct span *value)
{
	*name = span_cut(span_str(text), ':', value);
	*value = span_trim(*value);
}

int request_check_headers(const struct client_conf *conf, struct err *err)
{
	struct span name, value;

	for (size_t i = 0; i < conf->headers.count; i++) {
		const char *text = conf->headers.items[i];
		split_header(text, &name, &value);
		if (value.p == NULL || !header_is_token(name) || !header_is_value(value))
			return err_set(err, "--header \"%s\" is not NAME: VALUE", text);
		if (is_ours(name))
			return err_set(err,
				"--header \"%.*s\": the handshake sets it; see --host, --origin, "
				"--subprotocol, --compression",
				(int)name.len, name.p);
	}
	return 0;
}

static void list_protocols(const struct env *env, struct request_fields *out)
{
	const struct opt_list *names = &env->conf->subprotocols;

	for (size_t i = 0; i < names->count; i++)
		buf_addf(&out->protocols, "%s%s", i > 0 ? ", " : "", names->items[i]);
	if (names->count > 0)
		header_add(&out->list, SPAN("Sec-WebSocket-Protocol"), buf_span(&out->protocols));
}

void request_list(const struct request *r, const struct env *env, struct request_fields *out)
{
	struct span name, value;

	*out = (struct request_fields){0};
	if (r->connection != NULL) {
		header_add(&out->list, SPAN("Sec-WebSocket-Version"), span_str(r->version));
		if (env->deflate.on) {
			ws_deflate_write(&env->deflate, &out->extensions);
			header_add(&out->list, SPAN("Sec-WebSocket-Extensions"), buf_span(&out->extensions));
		}
		list_protocols(env, out);
	}
	if (r->origin != NULL && r->origin[0] != '\0')
		header_add(&out->list, SPAN("Origin"), span_str(r->origin));
	if (env->authorization != NULL)
		header_add(&out->list, SPAN("Authorization"), span_str(env->authorization));
	if (env->cookie != NULL)
		header_add(&out->list, SPAN("Cookie"), span_str(env->cookie));
	for (size_t i = 0; i < env->conf->headers.count; i++) {
		split_header(env->conf->headers.items[i], &name, &value);
		header_add(&out->list, name, value);
	}
}

void request_list_fini(struct request_fields *f)
{
	header_free(&f->list);
	buf_free(&f->extensions);
	buf_free(&f->protocols);
}

void request_write(const struct request *r, const struct env *env, struct buf *out)
{
	struct request_fields fields;

	request_list(r, env, &fields);
	http1_write_request_line(out, SPAN("GET"), span_str(r->path));
	http1_write_field(out, SPAN("Host"), span_str(r->host));
	if (r->connection != NULL) {
		http1_write_field(out, SPAN("Upgrade"), SPAN("websocket"));
		http1_write_field(out, SPAN("Connection"), span_str(r->connection));
		http1_write_field(out, SPAN("Sec-WebSocket-Key"), span_str(r->key));
	} else {
		http1_write_field(out, SPAN("Connection"), SPAN("close"));
	}
	for (size_t i = 0; i < fields.list.count; i++)
		http1_write_field(out, fields.list.at[i].name, fields.list.at[i].value);
	if (r->with_length)
		http1_write_field(out, SPAN("Content-Length"), SPAN("5"));
	http1_write_end(out);
	request_list_fini(&fields);
}
