/* The envelope of every answer. Content-Type has no parameters: cloudflared would not read an error then. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tunnel/mgmt/private.h"

static void answer_json(struct http_answer *a, int status, json_t *envelope)
{
	char *text = envelope != NULL ? json_dumps(envelope, JSON_COMPACT) : NULL;

	a->content_type = "application/json";
	a->status = text != NULL ? status : 500;
	buf_clear(&a->body);
	if (text != NULL) {
		size_t len = strlen(text);
		buf_reserve(&a->body, len);
		buf_add(&a->body, text, len);
		secret_wipe(text, len);
	} else {
		buf_add_str(&a->body,
			"{\"success\":false,\"errors\":[{\"code\":1000,\"message\":\"Internal error\"}],"
			"\"messages\":[],\"result\":null}");
	}
	free(text);
	json_decref(envelope);
}

void answer_ok(struct http_answer *a, json_t *result)
{
	answer_json(a, 200,
		json_pack("{s:b, s:[], s:[], s:o}", "success", 1, "errors", "messages", "result",
			result != NULL ? result : json_null()));
}

void answer_page(struct http_answer *a, json_t *list, size_t page, size_t per_page, size_t total)
{
	json_t *info = json_pack("{s:I, s:I, s:I, s:I, s:I}", "page", (json_int_t)page, "per_page",
		(json_int_t)per_page, "count", (json_int_t)json_array_size(list), "total_count",
		(json_int_t)total, "total_pages", (json_int_t)((total + per_page - 1) / per_page));

	answer_json(a, 200,
		json_pack("{s:b, s:[], s:[], s:o, s:o}", "success", 1, "errors", "messages", "result", list,
			"result_info", info));
}

void answer_error(struct http_answer *a, int status, int code, const char *fmt, ...)
{
	char message[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	json_t *text = json_string(message);
	answer_json(a, status,
		json_pack("{s:b, s:[{s:i, s:o}], s:[], s:n}", "success", 0, "errors", "code", code, "message",
			text != NULL ? text : json_string("not to be shown: no UTF-8"), "messages",
			"result"));
}

void answer_failed(struct call *c, const struct err *err)
{
	log_line(c->m->edge->worker->log, LOG_ERROR, "the management API failed", "error=\"%s\"", err->text);
	answer_error(c->answer, 500, CODE_OURS, "Internal error");
}
