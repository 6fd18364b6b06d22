/* Connecting: resolve a name, try its addresses, the first connection wins. Deadlines included. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <sys/socket.h>

#include "common/base/span.h"
#include "common/net/loop.h"

#define DIAL_STAGGER_MS 250 /* RFC 8305, 8: pause before the next address is tried besides */
#define DIAL_ADDRESSES_MAX 16

/* Where to and how. Strings are copied. */
struct dial_target {
	const char *host;      /* name or address */
	const char *port;      /* decimal */
	const char *unix_path; /* a unix socket in place of host and port, else NULL */
	int64_t timeout_ms;    /* for everything; 0 = none */
	int64_t keepalive_s;   /* TCP keep-alive interval; 0 = the kernel's, negative = off */
	bool one_by_one;       /* no parallel attempts ("no happy eyeballs") */
	loop_fn *on_found;     /* called with dial_start's arg once there are addresses to try; may be NULL */
};

struct dial; /* opaque: one attempt to connect, frees itself when it has reported */

/* fd is connected and the callee's; or -1, and why says what failed ("connection refused"). why is valid during the
 * call. */
typedef void dial_fn(void *arg, int fd, const char *why);

/* Start. Always reports later, never from within. */
struct dial *dial_start(struct loop *loop, const struct dial_target *target, dial_fn *fn, void *arg);
/* Forget it: fn is not called. NULL is fine. */
void dial_cancel(struct dial *d);

/* A listening TCP socket on a numeric address ("127.0.0.1:0", "[::1]:8443", ":8080"), non-blocking. What is accepted on
 * it sends without delay and is kept alive. -1 with err. */
int dial_listen(const char *address, struct err *err);
/* The address a socket is bound to, or its peer's, as "ADDRESS:PORT". out holds DIAL_NAME_MAX bytes. */
#define DIAL_NAME_MAX 64
void dial_local_name(int fd, char out[DIAL_NAME_MAX]);
void dial_peer_name(int fd, char out[DIAL_NAME_MAX]);
/* The same for an address in hand. with_port false gives the bare address, without brackets. */
void dial_address_name(const struct sockaddr_storage *sa, bool with_port, char out[DIAL_NAME_MAX]);
/* What stands for one client where addresses are counted: an address without port as it is, but of IPv6 the network of 64
 * bits, "2001:db8::/64", in which everybody has as many addresses as he likes. */
void dial_network_name(const char *address, char out[DIAL_NAME_MAX]);

#endif
