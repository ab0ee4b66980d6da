/*
 * errors.c: the error table, rendered per dialect. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "core/errors.h"
#include "proto/json_scan.h"

static const struct tg_error_row rows[TG_E__MAX] = {
	[TG_E_NONE] = { "ok", 200, "", "", "" },
#define X(id, code, status, openai, anthropic, text) \
	[TG_E_##id] = { code, status, openai, anthropic, text },
#include "core/tbl/errors.h"
#undef X
};

const struct tg_error_row *tg_error_row(enum tg_error e)
{
	tg_assert(e > TG_E_NONE && e < TG_E__MAX);
	return &rows[e];
}

/* google.rpc.Code of an HTTP status, as Gemini's API and its SDKs name it. */
static const char *gemini_status(int status)
{
	switch (status) {
	case 401: return "UNAUTHENTICATED";
	case 402: return "FAILED_PRECONDITION";
	case 403: return "PERMISSION_DENIED";
	case 404: return "NOT_FOUND";
	case 408:
	case 504: return "DEADLINE_EXCEEDED";
	case 429: return "RESOURCE_EXHAUSTED";
	case 500: return "INTERNAL";
	case 502:
	case 503: return "UNAVAILABLE";
	default: return "INVALID_ARGUMENT";
	}
}

size_t tg_error_body(char *out, size_t cap, enum dialect d, enum tg_error e, const char *message,
	struct str request_id)
{
	const struct tg_error_row *row = tg_error_row(e);
	struct str text = str_z(message != NULL ? message : row->text);
	char quoted[2200];
	size_t qn;
	int n;

	if (text.n > 360)
		text.n = 360;
	qn = json_quote(quoted, sizeof(quoted), text);
	tg_assert(qn > 0);
	if (d == DIALECT_ANTHROPIC)
		n = snprintf(out, cap,
			"{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":%.*s},"
			"\"request_id\":\"%.*s\"}",
			row->anthropic_type, (int)qn, quoted, STR_FMT(request_id));
	else if (d == DIALECT_GEMINI)
		n = snprintf(out, cap,
			"{\"error\":{\"code\":%d,\"message\":%.*s,\"status\":\"%s\",\"details\":["
			"{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"%s\","
			"\"domain\":\"tollgate\",\"metadata\":{\"request_id\":\"%.*s\"}}]}}",
			row->status, (int)qn, quoted, gemini_status(row->status), row->code,
			STR_FMT(request_id));
	else if (d == DIALECT_PROBLEM)
		n = snprintf(out, cap,
			"{\"type\":\"urn:tollgate:error:%s\",\"title\":\"%s\",\"status\":%d,"
			"\"detail\":%.*s,\"instance\":\"%.*s\"}",
			row->code, row->code, row->status, (int)qn, quoted, STR_FMT(request_id));
	else
		n = snprintf(out, cap,
			"{\"error\":{\"message\":%.*s,\"type\":\"%s\",\"param\":null,\"code\":\"%"
			"s\","
			"\"request_id\":\"%.*s\"}}",
			(int)qn, quoted, row->openai_type, row->code, STR_FMT(request_id));
	tg_assert(n > 0 && (size_t)n < cap);
	return (size_t)n;
}
