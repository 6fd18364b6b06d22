/* Answers of the management API, as a tunnel, a list of them and a list of connectors; and cert.pem. What is refused leaves a
 * reason and nothing else; what is taken has all its texts. */
#include "common/api/api_json.h"
#include "common/api/cert.h"
#include "fuzz.h"

static void check_tunnel(const struct api_tunnel *t)
{
	MUST(t->name != NULL && t->account_tag != NULL && t->status != NULL && t->config_src != NULL);
	MUST(strlen(t->name) <= API_TEXT_MAX && t->token.len <= API_TEXT_MAX);
	for (size_t i = 0; i < t->conn_count; i++)
		MUST(t->conns[i].location != NULL && t->conns[i].origin_ip != NULL &&
			t->conns[i].client_version != NULL);
}

static void check_tunnels(json_t *result)
{
	struct err err = {{0}};
	struct api_tunnel t, *list = NULL;
	size_t count = 0;

	if (api_json_tunnel(result, &t, &err) == 0)
		check_tunnel(&t);
	else
		MUST(err.text[0] != '\0' && t.name == NULL && t.conns == NULL && t.token.data == NULL);
	api_tunnel_free(&t);
	if (api_json_tunnels(result, &list, &count, &err) == 0)
		MUST(count == json_array_size(result));
	for (size_t i = 0; i < count; i++)
		check_tunnel(&list[i]);
	api_tunnels_free(list, count);
}

static void check_connectors(json_t *result)
{
	struct err err = {{0}};
	struct api_connector *list;
	size_t count;

	if (api_json_connectors(result, &list, &count, &err) < 0)
		MUST(err.text[0] != '\0' && list == NULL && count == 0);
	else
		MUST(count == json_array_size(result));
	for (size_t i = 0; i < count; i++) {
		MUST(list[i].version != NULL && list[i].arch != NULL);
		for (size_t j = 0; j < list[i].feature_count; j++)
			MUST(list[i].features[j] != NULL);
	}
	api_connectors_free(list, count);
}

static void check_answer(struct span in)
{
	struct api_envelope e;
	struct err err = {{0}};

	if (api_json_parse(in, &e, &err) < 0) {
		MUST(err.text[0] != '\0' && e.root == NULL && e.result == NULL);
		return;
	}
	MUST(e.message != NULL && e.code >= 0 && e.result != NULL);
	check_tunnels(e.result);
	check_connectors(e.result);
	api_envelope_free(&e);
}

static void check_cert(struct span in)
{
	struct cert c;
	struct err err = {{0}};

	if (cert_parse(in, &c, &err) < 0)
		MUST(err.text[0] != '\0' && c.account == NULL && c.zone == NULL && c.token.data == NULL);
	else
		MUST(c.account[0] != '\0' && c.zone[0] != '\0' && c.token.len > 0);
	cert_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);

	check_answer(in);
	check_cert(in);
	return 0;
}
