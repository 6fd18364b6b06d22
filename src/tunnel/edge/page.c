/* Error pages: what happened, what to do, and the request id to quote. */
#include "tunnel/edge/page.h"

struct page_text {
	int status;
	const char *reason, *title, *advice;
};

static const struct page_text texts[] = {
	[PAGE_UNKNOWN_HOST] = {404, "unknown host", "No tunnel serves this host name",
		"Check the address; the operator routes host names with --route."},
	[PAGE_NO_CONNECTOR] = {530, "no connector", "The tunnel is not connected (1033)",
		"The operator should see that the connector is running and can reach this edge."},
	[PAGE_DRAINING] = {503, "draining", "This edge is going out of service", "Try again in a moment."},
	[PAGE_BUSY] = {503, "tunnel full", "The tunnel carries as many requests as it can",
		"Try again in a moment."},
	[PAGE_ORIGIN_DOWN] = {502, "origin unreachable", "The service behind the tunnel did not answer",
		"The connector could not reach it: its log names the service and the reason."},
	[PAGE_RESET] = {502, "broken off", "The answer was broken off before it began",
		"The service or the tunnel connection ended while the request was under way."},
	[PAGE_BAD_ANSWER] = {502, "bad answer", "The connector's answer cannot be used",
		"The header of the response is malformed or too large."},
	[PAGE_BAD_UPGRADE] = {502, "bad upgrade", "The WebSocket upgrade was answered wrongly",
		"Sec-WebSocket-Accept does not belong to the key that was sent: some proxy or cache answers "
		"in place of the "
		"service."},
	[PAGE_OVERDUE] = {524, "overdue", "The service behind the tunnel did not answer in time",
		"It took the request and has not begun to answer. The operator sets the time by "
		"--response-timeout."},
};

int page_status(enum page page)
{
	return texts[page].status;
}

const char *page_reason(enum page page)
{
	return texts[page].reason;
}

static void page_escape(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.p[i]) {
		case '<': buf_add_str(out, "&lt;"); break;
		case '>': buf_add_str(out, "&gt;"); break;
		case '&': buf_add_str(out, "&amp;"); break;
		case '"': buf_add_str(out, "&quot;"); break;
		default: buf_add_char(out, text.p[i]);
		}
	}
}

void page_render(enum page page, struct span host, struct span ray, struct buf *out)
{
	const struct page_text *t = &texts[page];

	buf_addf(out,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%d "
		"%s</title></head>\n"
		"<body><h1>%s</h1>\n<p>%s</p>\n<p>Host: ",
		t->status, t->reason, t->title, t->advice);
	page_escape(host, out);
	buf_add_str(out, "<br>Request id: ");
	page_escape(ray, out);
	buf_add_str(out, "</p></body></html>\n");
}
