/* The service behind every chain that is measured: HTTP/1.1 over epoll, one thread, as little work as possible. It shares
 * no code with what is measured, and trusts whoever talks to it. Prints its port, serves until stdin ends.
 *
 *   GET /NUMBER           a body of so many bytes
 *   POST /                reads the body, answers with two bytes
 *   GET / with Upgrade    a WebSocket that sends every frame back */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_SIZE 65536
#define BLOCK_SIZE (256 * 1024)
#define EVENTS 256

struct client {
	int fd;
	bool websocket;
	bool writing;       /* EPOLLOUT is asked for */
	uint64_t body_left; /* of a request body, to be thrown away */
	uint64_t send_left; /* of a response body, from `block` */
	char *in;           /* a request head or a frame that is not whole */
	size_t in_len;
	char *out; /* what the socket did not take */
	size_t out_len;
};

static char block[BLOCK_SIZE];
static const char ok[] =
	"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void client_free(struct client *c)
{
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

/* --- Sending --- */

/* Send, and keep what the socket does not take. */
static bool client_send(struct client *c, const char *p, size_t len)
{
	ssize_t n = c->out_len > 0 ? 0 : send(c->fd, p, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return false;
	size_t taken = n > 0 ? (size_t)n : 0, rest = len - taken;
	if (rest == 0)
		return true;
	c->out = realloc(c->out, c->out_len + rest);
	memcpy(c->out + c->out_len, p + taken, rest);
	c->out_len += rest;
	return true;
}

/* Go on with what is owed. */
static bool client_flush(struct client *c)
{
	while (c->out_len > 0) {
		ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
	while (c->send_left > 0) {
		size_t len = c->send_left < BLOCK_SIZE ? c->send_left : BLOCK_SIZE;
		ssize_t n = send(c->fd, block, len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		c->send_left -= (uint64_t)n;
	}
	free(c->out);
	c->out = NULL;
	return true;
}

/* --- HTTP --- */

static bool answer_get(struct client *c, uint64_t size)
{
	char text[256 + 4096];
	int n = snprintf(text, sizeof(text),
		"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
		"Content-Type: text/plain\r\nContent-Length: %llu\r\n\r\n",
		(unsigned long long)size);
	size_t first = size <= 4096 ? size : 0;

	/* A small answer is one write. */
	memcpy(text + n, block, first);
	c->send_left = size - first;
	return client_send(c, text, (size_t)n + first) && client_flush(c);
}

static bool answer_upgrade(struct client *c, const char *key)
{
	char text[256];
	unsigned char digest[SHA_DIGEST_LENGTH], accept[32];
	int n = snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);

	SHA1((unsigned char *)text, (size_t)n, digest);
	EVP_EncodeBlock(accept, digest, sizeof(digest));
	n = snprintf(text, sizeof(text),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\n\r\n",
		accept);
	c->websocket = true;
	return client_send(c, text, (size_t)n);
}

static bool answer(struct client *c, char *head)
{
	const char *key = strcasestr(head, "\r\nsec-websocket-key:");
	const char *length = strcasestr(head, "\r\ncontent-length:");
	char *path = strchr(head, ' ');

	if (path == NULL)
		return false;
	if (key != NULL) {
		key += sizeof("\r\nsec-websocket-key:") - 1;
		return answer_upgrade(c, key + strspn(key, " "));
	}
	if (strncmp(head, "GET ", 4) == 0)
		return answer_get(c, strtoull(path + 2, NULL, 10));
	/* The answer goes out when the body has come; the length must be given. */
	if (length == NULL)
		return false;
	c->body_left = strtoull(length + sizeof("\r\ncontent-length:") - 1, NULL, 10);
	return c->body_left > 0 || client_send(c, ok, sizeof(ok) - 1);
}

/* Bytes of a request body. How many were taken; the answer follows the last. */
static size_t take_body(struct client *c, size_t len)
{
	size_t n = len < c->body_left ? len : (size_t)c->body_left;

	c->body_left -= n;
	if (c->body_left == 0)
		client_send(c, ok, sizeof(ok) - 1);
	return n;
}

/* A masked frame at p: send it back unmasked. Its length, 0 when it is not whole. */
static size_t take_frame(struct client *c, unsigned char *p, size_t len)
{
	static unsigned char back[IN_SIZE];
	size_t at = 2, size, n = 2;

	if (len < 2)
		return 0;
	size = p[1] & 0x7f;
	at += size == 126 ? 2 : size == 127 ? 8 : 0;
	if (len < at + 4)
		return 0;
	if (size == 126)
		size = (size_t)p[2] << 8 | p[3];
	if (len < at + 4 + size)
		return 0;
	back[0] = p[0];
	back[1] = size < 126 ? (unsigned char)size : 126;
	if (size >= 126) {
		back[n++] = (unsigned char)(size >> 8);
		back[n++] = (unsigned char)size;
	}
	for (size_t i = 0; i < size; i++)
		back[n + i] = p[at + 4 + i] ^ p[at + i % 4];
	client_send(c, (char *)back, n + size);
	return at + 4 + size;
}

/* One unit off the start of the input: how long it is, 0 when it is not whole, or SIZE_MAX to end the connection. */
static size_t take(struct client *c, char *p, size_t len)
{
	if (c->websocket)
		return take_frame(c, (unsigned char *)p, len);
	if (c->body_left > 0)
		return take_body(c, len);
	char *end = memmem(p, len, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	end[3] = '\0';
	return answer(c, p) ? (size_t)(end - p) + 4 : SIZE_MAX;
}

/* Keep the start of something that is not whole. */
static void keep(struct client *c, const char *p, size_t len)
{
	if (len > 0 && c->in == NULL)
		c->in = malloc(IN_SIZE);
	if (len > 0)
		memmove(c->in, p, len);
	c->in_len = len;
	if (len == 0) {
		free(c->in);
		c->in = NULL;
	}
}

static bool client_read(struct client *c)
{
	static char scratch[IN_SIZE];
	char *buf = c->in != NULL ? c->in : scratch;
	ssize_t got = recv(c->fd, buf + c->in_len, IN_SIZE - c->in_len, 0);
	size_t at = 0, len;

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	len = c->in_len + (size_t)got;
	while (at < len) {
		size_t n = take(c, buf + at, len - at);
		if (n == SIZE_MAX)
			return false;
		if (n == 0)
			break;
		at += n;
	}
	if (at == 0 && len == IN_SIZE)
		return false;
	keep(c, buf + at, len - at);
	return true;
}

/* --- Set-up --- */

static int listen_on_loopback(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 4096) < 0 ||
		getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		die("listen");
	printf("%d\n", ntohs(sa.sin_port));
	fflush(stdout);
	return fd;
}

static void accept_all(int epoll, int listener)
{
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct client *c = calloc(1, sizeof(*c));
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
			die("epoll_ctl");
	}
}

static void client_event(int epoll, struct client *c, uint32_t events)
{
	bool alive = true;

	if (events & EPOLLOUT)
		alive = client_flush(c);
	if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		alive = client_read(c);
	bool writing = c->out_len > 0 || c->send_left > 0;
	if (alive && writing != c->writing) {
		struct epoll_event ev = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
		c->writing = writing;
		epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &ev);
	}
	if (!alive)
		client_free(c);
}

int main(void)
{
	int epoll = epoll_create1(0), listener = listen_on_loopback();
	struct epoll_event got[EVENTS], on_listener = {.events = EPOLLIN, .data.ptr = NULL};
	struct epoll_event on_stdin = {.events = EPOLLIN, .data.ptr = block};

	memset(block, 'x', sizeof(block));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &on_listener) < 0 ||
		epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &on_stdin) < 0)
		die("epoll_ctl");
	for (;;) {
		int n = epoll_wait(epoll, got, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (got[i].data.ptr == block)
				return 0;
			if (got[i].data.ptr == NULL)
				accept_all(epoll, listener);
			else
				client_event(epoll, got[i].data.ptr, got[i].events);
		}
	}
}
