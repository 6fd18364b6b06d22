/* The hello-world service. It runs inside the connector: no socket, no TLS. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/proto/ws.h"
#include "tunnel/origin/hello.h"

#define HELLO_OUT_MAX ((size_t)1 << 20) /* echoed bytes that wait for the tunnel */

struct hello {
	struct proxy *proxy;
	struct ws_echo *echo; /* NULL for the page */
	struct buf out;       /* bytes that wait for room */
	bool ended;           /* nothing is to be added to `out` */
	struct loop_task task;
	struct worker *worker;
};

static void hello_free(struct hello *h)
{
	loop_task_cancel(&h->task);
	ws_echo_free(h->echo);
	buf_free(&h->out);
	free(h);
}

/* Send what the tunnel has room for, and end when all is sent. */
static void hello_work(void *arg)
{
	struct hello *h = arg;
	size_t room = proxy_room(h->proxy), have = buf_len(&h->out), n = have < room ? have : room;

	proxy_body(h->proxy, span_of(buf_span(&h->out).p, n));
	buf_consume(&h->out, n);
	buf_release(&h->out);
	if (!h->ended || buf_len(&h->out) > 0)
		return;
	struct proxy *p = h->proxy;
	hello_free(h);
	proxy_end(p, NULL);
}

static void hello_send(void *up, struct span data)
{
	struct hello *h = up;

	if (h->echo != NULL && !h->ended)
		h->ended = !ws_echo_feed(h->echo, data, &h->out) || buf_len(&h->out) > HELLO_OUT_MAX;
	proxy_sent(h->proxy, data.len);
	loop_defer(h->worker->loop, &h->task);
}

static void hello_finish(void *up, const struct fields *trailers)
{
	struct hello *h = up;

	(void)trailers;
	h->ended = true;
	loop_defer(h->worker->loop, &h->task);
}

static void hello_resume(void *up)
{
	struct hello *h = up;

	loop_defer(h->worker->loop, &h->task);
}

static void hello_cancel(void *up)
{
	hello_free(up);
}

static const struct upstream hello_upstream = {hello_send, hello_finish, hello_resume, hello_cancel};

static struct hello *hello_new(struct worker *w, struct proxy *p)
{
	struct hello *h = mem_alloc(sizeof(*h));

	h->worker = w;
	h->proxy = p;
	h->task = (struct loop_task){.fn = hello_work, .arg = h};
	return h;
}

/* --- WebSocket --- */

static void hello_echo(struct worker *w, struct proxy *p, const struct proxy_request *r)
{
	char accept[WS_ACCEPT_LEN];
	struct field at[] = {{SPAN("Connection"), SPAN("Upgrade")}, {SPAN("Upgrade"), SPAN("websocket")},
		{SPAN("Sec-WebSocket-Accept"), {accept, sizeof(accept)}}};
	struct fields fields = {.at = at, .count = 3, .cap = 3};

	if (!ws_accept(header_value(r->fields, SPAN("sec-websocket-key")), accept)) {
		proxy_fail(p, "hello_world: Sec-WebSocket-Key is missing or malformed");
		return;
	}
	if (!proxy_upgraded(p, &fields))
		return;
	struct hello *h = hello_new(w, p);
	h->echo = ws_echo_new();
	proxy_attach(p, &hello_upstream, h);
}

/* --- The page --- */

static const char page_start[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Hello from the "
	"tunnel</title>\n"
	"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
	"table{border-collapse:collapse;width:100%}td,th{border:1px solid #8884;padding:.2rem "
	".5rem;text-align:left;"
	"overflow-wrap:anywhere}th{width:14rem}#log{white-space:pre-wrap;border:1px solid "
	"#8884;padding:.5rem;"
	"min-height:3rem}</style></head>\n<body><h1>Hello from the tunnel</h1>\n"
	"<p>This page came through an outbound-only tunnel: your request went to the edge, over one of the "
	"connector's "
	"connections, and was answered by the connector itself. This is what arrived:</p>\n<table>\n";

static const char page_end[] =
	"</table>\n<h2>WebSocket echo</h2>\n<p id=\"state\">connecting</p>\n"
	"<form id=\"f\"><input id=\"t\" value=\"hello\"> <button>Send</button></form>\n<div "
	"id=\"log\"></div>\n"
	"<script>\n"
	"const "
	"s=document.getElementById('state'),l=document.getElementById('log'),t=document.getElementById('t');"
	"\n"
	"const w=new WebSocket((location.protocol==='https:'?'wss://':'ws://')+location.host+'/echo');\n"
	"const sent=[];\n"
	"w.onopen=()=>{s.textContent='open';send('hello from the browser')};\n"
	"w.onclose=e=>{s.textContent='closed, code '+e.code};\n"
	"w.onmessage=e=>{const ms=(performance.now()-sent.shift()).toFixed(1);"
	"l.textContent+='echo after '+ms+' ms: '+e.data+'\\n'};\n"
	"function send(x){sent.push(performance.now());w.send(x)}\n"
	"document.getElementById('f').onsubmit=e=>{e.preventDefault();send(t.value)};\n"
	"</script></body></html>\n";

static void add_escaped(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == '<' || c == '>' || c == '&' || c == '"')
			buf_addf(out, "&#%d;", c);
		else
			buf_add_char(out, c);
	}
}

static void add_row(struct buf *out, struct span name, struct span value)
{
	buf_add_str(out, "<tr><th>");
	add_escaped(out, name);
	buf_add_str(out, "</th><td>");
	add_escaped(out, value);
	buf_add_str(out, "</td></tr>\n");
}

static void hello_page(struct buf *out, const struct proxy_request *r)
{
	char link[24];

	buf_add_str(out, page_start);
	add_row(out, SPAN("method"), r->method);
	add_row(out, SPAN("host"), r->authority);
	add_row(out, SPAN("path"), r->path);
	snprintf(link, sizeof(link), "%u", r->link_index);
	add_row(out, SPAN("tunnel connection"), span_str(link));
	for (size_t i = 0; i < r->fields->count; i++)
		add_row(out, r->fields->at[i].name, r->fields->at[i].value);
	buf_add_str(out, page_end);
}

static void hello_show(struct worker *w, struct proxy *p, const struct proxy_request *r)
{
	struct buf page = {0};
	char length[24];
	bool is_head = span_eq(r->method, SPAN("HEAD"));

	hello_page(&page, r);
	snprintf(length, sizeof(length), "%zu", buf_len(&page));
	struct field at[] = {{SPAN("Content-Type"), SPAN("text/html; charset=utf-8")},
		{SPAN("Cache-Control"), SPAN("no-store")}, {SPAN("Content-Length"), span_str(length)}};
	struct fields fields = {.at = at, .count = 3, .cap = 3};
	if (!proxy_head(p, 200, &fields, is_head)) {
		buf_free(&page);
		return;
	}
	struct hello *h = hello_new(w, p);
	if (is_head)
		buf_free(&page);
	h->out = page;
	h->ended = true;
	proxy_attach(p, &hello_upstream, h);
	loop_defer(w->loop, &h->task);
}

void hello_start(struct worker *w, struct proxy *p, const struct proxy_request *r)
{
	if (r->websocket)
		hello_echo(w, p, r);
	else
		hello_show(w, p, r);
}
