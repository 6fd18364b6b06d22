/* The load generator: HTTP/1.1 and WebSocket clients over epoll, one thread, plain or TLS, as little work as possible. It
 * shares no code with what is measured.
 *
 *   load MODE [-p PORT] [-s CA] [-c CONNECTIONS] [-t SECONDS] [-n REQUESTS] [-r RATE] [-b BYTES]
 *
 * MODE get: GET /BYTES, one request at a time on each connection; with -r so many a second over all connections.
 *      put: POST of BYTES.   ws: messages of BYTES, echoed, one at a time.   idle: WebSockets that stay silent.
 *
 * Connects, does one round on every connection, prints "ready" and waits for a line on stdin, so that set-up is not
 * measured. Then runs, prints one JSON line, and waits for the end of stdin before it closes anything. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define IN_SIZE ((size_t)256 * 1024)
#define OUT_SIZE ((size_t)256 * 1024)
#define EVENTS 256
#define LATE_US 10000000 /* after the end, how long answers may take */

enum mode { MODE_GET, MODE_PUT, MODE_WS, MODE_IDLE };

static struct {
	enum mode mode;
	int port, connections;
	double seconds, rate;
	uint64_t requests, bytes;
	const char *ca;
	SSL_CTX *tls;
} conf = {.connections = 1, .requests = UINT64_MAX, .seconds = 1};

struct conn {
	int fd;
	SSL *ssl;
	bool busy;        /* an answer is due */
	bool in_body;     /* its head has come */
	bool writing;     /* EPOLLOUT is asked for */
	size_t head_at;   /* of `message`, not sent yet */
	uint64_t to_send; /* of a POST's body, from `zeros` */
	uint64_t to_read; /* of the answer */
	char head[4096];  /* an answer's head that is not whole */
	size_t head_len;
	uint64_t start_us;
	struct conn *next_free;
};

static struct {
	struct conn *conns, *free;
	int epoll;
	char *message; /* what each request sends: a head, or a frame */
	size_t message_len;
	char *in, *zeros;
	uint64_t begun, done, bytes, errors, end_us;
	uint32_t *took; /* microseconds of each request */
	size_t took_cap;
	uint64_t due; /* paced requests that found no connection free */
	bool running;
} run;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- Bytes --- */

/* -1: would wait; 0: over. */
static ssize_t conn_recv(struct conn *c)
{
	if (c->ssl == NULL) {
		ssize_t n = recv(c->fd, run.in, IN_SIZE, 0);
		return n < 0 && errno != EAGAIN ? 0 : n;
	}
	int n = SSL_read(c->ssl, run.in, (int)IN_SIZE);
	return n > 0 ? n : SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? -1 : 0;
}

static ssize_t conn_send(struct conn *c, const char *p, size_t len)
{
	if (c->ssl == NULL) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);
		return n < 0 && errno != EAGAIN ? 0 : n;
	}
	int n = SSL_write(c->ssl, p, (int)len);
	return n > 0 ? n : SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

/* --- Requests --- */

static void conn_fail(struct conn *c)
{
	run.errors++;
	if (run.errors > 100) {
		fprintf(stderr, "too many errors\n");
		exit(1);
	}
	epoll_ctl(run.epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->busy = true; /* for ever: it gets no more requests */
	if (run.begun > run.done)
		run.begun--;
}

/* Send what is left of the request. */
static void conn_push(struct conn *c)
{
	ssize_t n = 1;

	while (n > 0 && c->head_at < run.message_len) {
		n = conn_send(c, run.message + c->head_at, run.message_len - c->head_at);
		if (n > 0)
			c->head_at += (size_t)n;
	}
	while (n > 0 && c->to_send > 0) {
		n = conn_send(c, run.zeros, c->to_send < OUT_SIZE ? c->to_send : OUT_SIZE);
		if (n > 0)
			c->to_send -= (uint64_t)n;
	}
	if (n == 0) {
		conn_fail(c);
		return;
	}
	bool writing = n < 0;
	if (writing != c->writing) {
		struct epoll_event ev = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
		epoll_ctl(run.epoll, EPOLL_CTL_MOD, c->fd, &ev);
		c->writing = writing;
	}
}

static void conn_begin(struct conn *c, uint64_t start_us)
{
	c->busy = true;
	c->in_body = conf.mode == MODE_WS;
	c->head_at = c->head_len = 0;
	c->to_send = conf.mode == MODE_PUT ? conf.bytes : 0;
	/* A frame comes back without its mask of four bytes. */
	c->to_read = conf.mode == MODE_WS ? run.message_len - 4 : 0;
	c->start_us = start_us;
	run.begun++;
	conn_push(c);
}

static bool may_begin(void)
{
	return run.running && run.begun < conf.requests && now_us() < run.end_us;
}

static void conn_done(struct conn *c)
{
	uint64_t now = now_us();

	if (run.done == run.took_cap) {
		run.took_cap = run.took_cap > 0 ? run.took_cap * 2 : 65536;
		run.took = realloc(run.took, run.took_cap * sizeof(*run.took));
	}
	run.took[run.done++] = (uint32_t)(now - c->start_us);
	c->busy = false;
	if (conf.rate > 0) {
		c->next_free = run.free;
		run.free = c;
	} else if (may_begin()) {
		conn_begin(c, now);
	}
}

/* The head of an answer: 200 with a length. False when it is not whole; to_read is the body then. */
static bool conn_take_head(struct conn *c, const char *p, size_t len, size_t *taken)
{
	size_t before = c->head_len;

	if (len > sizeof(c->head) - 1 - before)
		len = sizeof(c->head) - 1 - before;
	memcpy(c->head + before, p, len);
	c->head_len += len;
	c->head[c->head_len] = '\0';
	char *end = strstr(c->head, "\r\n\r\n");
	*taken = len;
	if (end == NULL)
		return false;
	*taken = (size_t)(end - c->head) + 4 - before;
	const char *length = strcasestr(c->head, "\r\ncontent-length:");
	if (strncmp(c->head, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end) {
		fprintf(stderr, "unexpected answer: %.200s\n", c->head);
		exit(1);
	}
	c->to_read = strtoull(length + 17, NULL, 10);
	c->in_body = true;
	return true;
}

static void conn_take(struct conn *c, size_t len)
{
	const char *p = run.in;

	run.bytes += len;
	while (len > 0 && c->busy) {
		size_t n;
		if (!c->in_body) {
			if (!conn_take_head(c, p, len, &n))
				return;
		} else {
			n = len < c->to_read ? len : (size_t)c->to_read;
			c->to_read -= n;
		}
		p += n;
		len -= n;
		if (c->in_body && c->to_read == 0)
			conn_done(c);
	}
}

static void conn_event(struct conn *c, uint32_t events)
{
	if (events & EPOLLOUT)
		conn_push(c);
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	/* TLS may hold more than the socket shows; a plain socket wakes us again. */
	for (;;) {
		ssize_t n = conn_recv(c);
		if (n == 0)
			conn_fail(c);
		if (n <= 0)
			return;
		conn_take(c, (size_t)n);
		if (c->ssl == NULL && (size_t)n < IN_SIZE)
			return;
	}
}

/* --- Set-up: blocking --- */

static void conn_upgrade(struct conn *c)
{
	static const char ask[] =
		"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

	if (conn_send(c, ask, sizeof(ask) - 1) <= 0)
		die("upgrade");
	while (strstr(c->head, "\r\n\r\n") == NULL) {
		ssize_t n = conn_recv(c);
		if (n <= 0 || c->head_len + (size_t)n >= sizeof(c->head))
			die("upgrade");
		memcpy(c->head + c->head_len, run.in, (size_t)n);
		c->head_len += (size_t)n;
	}
	if (strncmp(c->head, "HTTP/1.1 101", 12) != 0) {
		fprintf(stderr, "no upgrade: %.200s\n", c->head);
		exit(1);
	}
}

static void conn_open(struct conn *c)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)conf.port)};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (conf.tls != NULL) {
		c->ssl = SSL_new(conf.tls);
		SSL_set_fd(c->ssl, c->fd);
		SSL_set_tlsext_host_name(c->ssl, "localhost");
		if (SSL_connect(c->ssl) != 1)
			die("TLS handshake");
	}
	if (conf.mode == MODE_WS || conf.mode == MODE_IDLE)
		conn_upgrade(c);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(run.epoll, EPOLL_CTL_ADD, c->fd, &ev);
}

/* A masked binary frame. */
static void make_frame(void)
{
	size_t n = 0;

	run.message = calloc(1, conf.bytes + 16);
	run.message[n++] = (char)0x82;
	if (conf.bytes < 126) {
		run.message[n++] = (char)(0x80 | conf.bytes);
	} else {
		run.message[n++] = (char)(0x80 | 126);
		run.message[n++] = (char)(conf.bytes >> 8);
		run.message[n++] = (char)conf.bytes;
	}
	memcpy(run.message + n, "mask", 4);
	run.message_len = n + 4 + conf.bytes;
}

static void make_message(void)
{
	static const char common[] =
		"Host: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n";
	int n = 0;

	switch (conf.mode) {
	case MODE_GET:
		n = asprintf(
			&run.message, "GET /%llu HTTP/1.1\r\n%s\r\n", (unsigned long long)conf.bytes, common);
		break;
	case MODE_PUT:
		n = asprintf(&run.message, "POST / HTTP/1.1\r\n%sContent-Length: %llu\r\n\r\n", common,
			(unsigned long long)conf.bytes);
		break;
	case MODE_WS: make_frame(); return;
	case MODE_IDLE: return;
	}
	run.message_len = (size_t)n;
}

/* --- Running --- */

static void poll_once(int timeout_ms)
{
	struct epoll_event got[EVENTS];
	int n = epoll_wait(run.epoll, got, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++)
		if (got[i].data.ptr != NULL)
			conn_event(got[i].data.ptr, got[i].events);
}

/* Wait for the answers to all that was begun. */
static void finish(void)
{
	uint64_t limit = now_us() + LATE_US;

	while (run.done < run.begun && now_us() < limit)
		poll_once(100);
	if (run.done < run.begun) {
		fprintf(stderr, "%llu answers missing\n", (unsigned long long)(run.begun - run.done));
		exit(1);
	}
}

/* A request on every connection, uncounted. Bulk goes without: it would double it. */
static void warm_up(void)
{
	if (conf.mode == MODE_IDLE || conf.mode == MODE_PUT || conf.bytes > (1 << 20))
		return;
	for (int i = 0; i < conf.connections; i++)
		conn_begin(&run.conns[i], now_us());
	finish();
	run.begun = run.done = run.bytes = 0;
}

static void run_closed(void)
{
	for (int i = 0; i < conf.connections; i++)
		if (!run.conns[i].busy && may_begin())
			conn_begin(&run.conns[i], now_us());
	while (run.done < run.begun && (may_begin() || run.begun > run.done) &&
		now_us() < run.end_us + LATE_US)
		poll_once(100);
}

/* Requests at even intervals, whatever the answers do. Their time counts from when they were due. */
static void run_paced(void)
{
	uint64_t start = now_us(), planned = 0;
	struct itimerspec every = {
		.it_interval.tv_nsec = (long)(1e9 / conf.rate), .it_value.tv_nsec = (long)(1e9 / conf.rate)};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	uint64_t ticks;

	timerfd_settime(timer, 0, &every, NULL);
	epoll_ctl(run.epoll, EPOLL_CTL_ADD, timer, &ev);
	for (int i = 0; i < conf.connections; i++) {
		run.conns[i].next_free = run.free;
		run.free = &run.conns[i];
	}
	while (now_us() < run.end_us) {
		poll_once(100);
		if (read(timer, &ticks, sizeof(ticks)) == sizeof(ticks))
			run.due += ticks;
		while (run.due > 0 && run.free != NULL) {
			struct conn *c = run.free;
			uint64_t at = start + (uint64_t)((double)++planned * 1e6 / conf.rate), now = now_us();
			run.free = c->next_free;
			run.due--;
			conn_begin(c, at < now ? at : now);
		}
	}
	close(timer);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t percentile(double part)
{
	return run.done > 0 ? run.took[(size_t)(part * (double)(run.done - 1))] : 0;
}

static void wait_for_line(void)
{
	char line[16];

	printf("ready\n");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		exit(1);
}

static void measure(void)
{
	uint64_t start = now_us();

	run.end_us = start + (uint64_t)(conf.seconds * 1e6);
	run.running = true;
	if (conf.rate > 0)
		run_paced();
	else if (conf.mode != MODE_IDLE)
		run_closed();
	finish();
	double took = (double)(now_us() - start) / 1e6;
	qsort(run.took, run.done, sizeof(*run.took), by_value);
	printf("{\"requests\": %llu, \"errors\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"p50_us\": %u, "
	       "\"p99_us\": %u}\n",
		(unsigned long long)run.done, (unsigned long long)run.errors, (unsigned long long)run.bytes,
		took, percentile(.5), percentile(.99));
	fflush(stdout);
}

static void read_options(int argc, char **argv)
{
	static const char *const modes[] = {"get", "put", "ws", "idle"};
	int option;

	for (int i = 0; i < 4; i++)
		if (argc > 1 && strcmp(argv[1], modes[i]) == 0)
			conf.mode = (enum mode)i;
	optind = 2;
	while ((option = getopt(argc, argv, "p:s:c:t:n:r:b:")) != -1) {
		switch (option) {
		case 'p': conf.port = atoi(optarg); break;
		case 's': conf.ca = optarg; break;
		case 'c': conf.connections = atoi(optarg); break;
		case 't': conf.seconds = atof(optarg); break;
		case 'n': conf.requests = strtoull(optarg, NULL, 10); break;
		case 'r': conf.rate = atof(optarg); break;
		case 'b': conf.bytes = strtoull(optarg, NULL, 10); break;
		default: exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	if (conf.ca != NULL) {
		conf.tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(conf.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
						   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						   SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_verify(conf.tls, SSL_VERIFY_PEER, NULL);
		if (SSL_CTX_load_verify_file(conf.tls, conf.ca) != 1)
			die(conf.ca);
	}
	run.epoll = epoll_create1(0);
	run.in = malloc(IN_SIZE);
	run.zeros = calloc(1, OUT_SIZE);
	run.conns = calloc((size_t)conf.connections, sizeof(*run.conns));
	for (int i = 0; i < conf.connections; i++)
		conn_open(&run.conns[i]);
	make_message();
	warm_up();
	wait_for_line();
	measure();
	/* Nothing is closed before the measuring side has looked. */
	while (getchar() != EOF)
		;
	return 0;
}
