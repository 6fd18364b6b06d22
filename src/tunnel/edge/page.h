/* The edge's own answers: what a visitor sees when there is no origin to speak. */
#ifndef EDGE_PAGE_H
#define EDGE_PAGE_H

#include "common/base/buf.h"

enum page {
	PAGE_UNKNOWN_HOST, /* 404 */
	PAGE_NO_CONNECTOR, /* 530 */
	PAGE_DRAINING,     /* 503 */
	PAGE_BUSY,         /* 503: every connection is full */
	PAGE_ORIGIN_DOWN,  /* 502: the connector could not reach it */
	PAGE_RESET,        /* 502: broken off before the header */
	PAGE_BAD_ANSWER,   /* 502: the connector's answer makes no sense */
	PAGE_BAD_UPGRADE,  /* 502: the origin's accept key is wrong */
	PAGE_OVERDUE,      /* 524: no answer began in time */
};

int page_status(enum page page);
/* The short reason, a constant: for the log. */
const char *page_reason(enum page page);
/* Append the HTML, with the host (escaped) and the request id. */
void page_render(enum page page, struct span host, struct span ray, struct buf *out);

#endif
