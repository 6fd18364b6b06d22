/* The text of the built-in test page: HTML that shows a request and talks to the WebSocket echo. */
#ifndef ORIGIN_HELLO_PAGE_H
#define ORIGIN_HELLO_PAGE_H

#include "common/base/buf.h"
#include "tunnel/origin/proxy.h"

#define HELLO_NONCE_MAX 33 /* bytes, NUL included */
#define HELLO_POLICY_MAX 256

/* A nonce for one page: its style and script run only with it. */
void hello_page_nonce(char nonce[HELLO_NONCE_MAX]);
/* The Content-Security-Policy that goes with it. */
void hello_page_policy(const char *nonce, char policy[HELLO_POLICY_MAX]);
/* Append the page. Whatever came with the request is escaped. */
void hello_page_write(const struct proxy_request *r, const char *nonce, struct buf *out);

#endif
