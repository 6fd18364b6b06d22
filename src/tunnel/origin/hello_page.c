/* One page, no other resources, nothing but what its policy names. */
#include <openssl/rand.h>
#include <stdio.h>

#include "tunnel/origin/hello_page.h"

/* clang-format off */
static const char page_style[] =
	":root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--text:#1b2330;--soft:#5d6b7e;--line:#dde3ea;--mark:#0b7a4b;--bad:#b3261e}\n"
	"@media(prefers-color-scheme:dark){:root{--back:#11161d;--card:#1a212b;--text:#e5eaf1;--soft:#95a3b6;--line:#2c3644;--mark:#4cc38a;--bad:#ff8a80}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
	"main{max-width:52rem;margin:0 auto;padding:2rem 1rem}\n"
	"h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1rem;margin:0 0 .8rem}\n"
	"p{margin:0 0 1.2rem;color:var(--soft)}\n"
	"section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1.1rem;margin:0 0 1.2rem}\n"
	".way{display:flex;flex-wrap:wrap;gap:.5rem;align-items:stretch;list-style:none;margin:0;padding:0}\n"
	".way li{flex:1 1 9rem;border:1px solid var(--line);border-radius:.4rem;padding:.5rem .7rem}\n"
	".way b{display:block;font-size:.8rem;color:var(--soft);font-weight:600}\n"
	"code,td,th,#log{font:14px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}\n"
	"table{border-collapse:collapse;width:100%;table-layout:fixed}\n"
	"th,td{border-top:1px solid var(--line);padding:.3rem .5rem .3rem 0;text-align:left;vertical-align:top}\n"
	"th{width:34%;font-weight:400;color:var(--soft)}.ours th{color:var(--mark)}\n"
	"small{color:var(--soft)}small b{color:var(--mark);font-weight:400}\n"
	"form{display:flex;gap:.5rem;margin:0 0 .8rem}\n"
	"input,button{font:inherit;color:inherit;background:var(--back);border:1px solid var(--line);border-radius:.4rem;padding:.4rem .7rem}\n"
	"input{flex:1;min-width:0}button{cursor:pointer}\n"
	"#state{color:var(--soft)}#state.open{color:var(--mark)}#state.closed{color:var(--bad)}\n"
	"#log{white-space:pre-wrap;min-height:7.5em;color:var(--soft)}\n";

/* A message goes out by hand, and a tick every two seconds so that the round trip stays true. Answers come back in the
 * order of the questions. */
static const char page_script[] =
	"const $=id=>document.getElementById(id),lines=[];\n"
	"let socket,sent=[],ticks=0;\n"
	"const show=(text,kind)=>{$('state').textContent=text;$('state').className=kind};\n"
	"const send=(text,quiet)=>{if(socket.readyState!==1)return;sent.push({at:performance.now(),quiet});socket.send(text)};\n"
	"function open(){\n"
	" socket=new WebSocket((location.protocol==='https:'?'wss://':'ws://')+location.host+'/echo');\n"
	" sent=[];\n"
	" socket.onopen=()=>{show('open','open');send('hello from the browser')};\n"
	" socket.onclose=e=>{show('closed, code '+e.code+'; trying again','closed');setTimeout(open,2000)};\n"
	" socket.onmessage=e=>{\n"
	"  const s=sent.shift(),ms=(performance.now()-s.at).toFixed(1);\n"
	"  show('open, round trip '+ms+' ms','open');\n"
	"  if(s.quiet)return;\n"
	"  lines.push(ms.padStart(7)+' ms  '+e.data);\n"
	"  $('log').textContent=lines.slice(-5).join('\\n');\n"
	" };\n"
	"}\n"
	"$('form').onsubmit=e=>{e.preventDefault();send($('text').value)};\n"
	"setInterval(()=>send('tick '+ ++ticks,true),2000);\n"
	"open();\n";
/* clang-format on */

void hello_page_nonce(char nonce[HELLO_NONCE_MAX])
{
	unsigned char random[(HELLO_NONCE_MAX - 1) / 2] = {0};

	RAND_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(nonce + 2 * i, 3, "%02x", random[i]);
}

void hello_page_policy(const char *nonce, char policy[HELLO_POLICY_MAX])
{
	snprintf(policy, HELLO_POLICY_MAX,
		"default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; connect-src 'self'; "
		"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		nonce, nonce);
}

static void add_escaped(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
			buf_addf(out, "&#%d;", c);
		else
			buf_add_char(out, c);
	}
}

/* Put in by the edge or by the connector. */
static bool is_ours(struct span name)
{
	return span_starts(name, SPAN("cf-")) || span_starts(name, SPAN("x-forwarded-"));
}

static void add_step(struct buf *out, const char *name, struct span what)
{
	buf_addf(out, "<li><b>%s</b><code>", name);
	add_escaped(out, what);
	buf_add_str(out, "</code></li>\n");
}

static void add_way(const struct proxy_request *r, struct buf *out)
{
	char connection[24];
	struct span visitor = header_value(r->fields, SPAN("cf-connecting-ip"));

	snprintf(connection, sizeof(connection), "%u", r->via.index);
	buf_add_str(out, "<section><h2>The way it came</h2>\n<ol class=\"way\">\n");
	add_step(out, "visitor", visitor);
	add_step(out, "edge", span_str(r->via.edge));
	add_step(out, "edge's location", span_str(r->via.location));
	add_step(out, "tunnel connection", span_str(connection));
	buf_add_str(out, "</ol></section>\n");
}

static void add_request(const struct proxy_request *r, struct buf *out)
{
	buf_add_str(out, "<section><h2>What arrived</h2>\n<p><code>");
	add_escaped(out, r->method);
	buf_add_char(out, ' ');
	add_escaped(out, r->path);
	buf_add_str(out, "</code></p>\n<table>\n<tr><th>host</th><td>");
	add_escaped(out, r->authority);
	buf_add_str(out, "</td></tr>\n");
	for (size_t i = 0; i < r->fields->count; i++) {
		const struct field *f = &r->fields->at[i];
		buf_add_str(out, is_ours(f->name) ? "<tr class=\"ours\"><th>" : "<tr><th>");
		add_escaped(out, f->name);
		buf_add_str(out, "</th><td>");
		add_escaped(out, f->value);
		buf_add_str(out, "</td></tr>\n");
	}
	buf_add_str(out, "</table>\n<small><b>Green</b>: put in by the tunnel.</small></section>\n");
}

void hello_page_write(const struct proxy_request *r, const char *nonce, struct buf *out)
{
	buf_addf(out,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width\">\n"
		"<title>Hello from the tunnel</title><link rel=\"icon\" href=\"data:,\">\n"
		"<style nonce=\"%s\">\n%s</style></head>\n<body><main><h1>Hello from the tunnel</h1>\n"
		"<p>Your request went to the edge, over a connection that was dialed from the inside, and "
		"was answered by the connector itself: no port is open where this page comes from.</p>\n",
		nonce, page_style);
	add_way(r, out);
	buf_add_str(out, "<section><h2>WebSocket echo: <span id=\"state\">connecting</span></h2>\n"
			 "<form id=\"form\"><input id=\"text\" value=\"hello\" aria-label=\"Message\">"
			 "<button>Send</button></form>\n<div id=\"log\" role=\"log\"></div></section>\n");
	add_request(r, out);
	buf_addf(out, "</main><script nonce=\"%s\">\n%s</script></body></html>\n", nonce, page_script);
}
