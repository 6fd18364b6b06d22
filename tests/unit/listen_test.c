/* Listening sockets on real addresses. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/dial.h"
#include "test.h"

/* Connect to what listens there, and accept it. */
static int accept_one(int listening)
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd wait = {.fd = listening, .events = POLLIN};

	getsockname(listening, (struct sockaddr *)&at, &len);
	CHECK(connect(client, (struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(poll(&wait, 1, 5000) == 1);
	int fd = accept(listening, NULL, NULL);
	close(client);
	return fd;
}

static void accepted_sockets_send_at_once(void)
{
	struct err err = {0};
	int listening = dial_listen("127.0.0.1:0", &err), no_delay = 0;
	socklen_t len = sizeof(no_delay);

	CHECK(listening >= 0);
	int fd = accept_one(listening);
	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len) == 0);
	CHECK(no_delay != 0);
	close(fd);
	close(listening);
}

static void an_address_in_use_is_named(void)
{
	struct err err = {0};
	char name[DIAL_NAME_MAX];
	int listening = dial_listen("127.0.0.1:0", &err);

	dial_local_name(listening, name);
	CHECK(dial_listen(name, &err) < 0);
	CHECK(strstr(err.text, name) != NULL);
	close(listening);
}

static void a_client_is_counted_by_its_network(void)
{
	static const char *const rows[][2] = {{"192.0.2.7", "192.0.2.7"}, {"2001:db8::1", "2001:db8::/64"},
		{"2001:db8::ffff:1:2", "2001:db8::/64"}, {"2001:db8:0:1::1", "2001:db8:0:1::/64"},
		{"fe80::1234:5678:9abc:def0", "fe80::/64"}, {"::1", "::/64"}, {"unix", "unix"}, {"", ""}};
	char out[DIAL_NAME_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		dial_network_name(rows[i][0], out);
		CHECK_FOR(strcmp(out, rows[i][1]) == 0, "%s: %s", rows[i][0], out);
	}
}

TEST_MAIN(TEST(a_client_is_counted_by_its_network), TEST(accepted_sockets_send_at_once),
	TEST(an_address_in_use_is_named))
