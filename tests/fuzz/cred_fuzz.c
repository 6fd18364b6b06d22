/* Credentials, as file or as token: what is accepted is the same after it was printed and parsed again, and a message
 * never shows a secret. */
#include "common/conf/cred.h"
#include "fuzz.h"

static void check_again(const struct cred *c, int (*print)(const struct cred *, struct buf *),
	int (*parse)(struct span, struct cred *, struct err *))
{
	struct buf text = {.max = 4 * CRED_FILE_MAX};
	struct cred again;
	struct err err;

	MUST(print(c, &text) == 0);
	MUST(parse(buf_span(&text), &again, &err) == 0 || buf_len(&text) > CRED_FILE_MAX);
	if (buf_len(&text) <= CRED_FILE_MAX) {
		MUST(strcmp(again.account_tag, c->account_tag) == 0);
		MUST(uuid_eq(&again.tunnel_id, &c->tunnel_id));
		MUST(again.secret.len == c->secret.len);
		MUST(c->secret.len == 0 || memcmp(again.secret.data, c->secret.data, c->secret.len) == 0);
		MUST((again.endpoint == NULL) == (c->endpoint == NULL));
		cred_free(&again);
	}
	buf_wipe(&text);
}

static void check(struct span in, int (*parse)(struct span, struct cred *, struct err *))
{
	struct cred c;
	struct err err = {{0}};

	if (parse(in, &c, &err) < 0) {
		MUST(err.text[0] != '\0');
		MUST(c.account_tag == NULL && c.secret.data == NULL && c.endpoint == NULL);
		return;
	}
	MUST(c.secret.len <= CRED_SECRET_MAX);
	check_again(&c, cred_print, cred_parse);
	check_again(&c, cred_print_token, cred_parse_token);
	cred_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);

	check(in, cred_parse);
	check(in, cred_parse_token);
	return 0;
}
