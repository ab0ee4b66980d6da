/*
 * admin_reply.c: what handlers write their answer with.
 */
#include "admin/admin_int.h"

#include <stdarg.h>
#include <stdio.h>

void admin_reply_init(struct admin_reply *r)
{
	r->status = 200;
	r->type = "application/json";
	http_out_init(&r->fields, r->field_text, sizeof r->field_text);
	outbuf_init(&r->body);
}

void admin_reply_fini(struct admin_reply *r)
{
	outbuf_fini(&r->body);
}

void admin_reply_status(struct admin_reply *r, unsigned status)
{
	tg_assert(status >= 200 && status <= 599);
	r->status = status;
}

void admin_reply_type(struct admin_reply *r, const char *type)
{
	r->type = type;
}

void admin_reply_field(struct admin_reply *r, struct str name, struct str value)
{
	http_out_field(&r->fields, name, value);
}

void admin_reply_printf(struct admin_reply *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	outbuf_vprintf(&r->body, fmt, ap);
	va_end(ap);
}

void admin_reply_write(struct admin_reply *r, struct str text)
{
	outbuf_put(&r->body, text);
}

struct outbuf *admin_reply_body(struct admin_reply *r)
{
	return &r->body;
}

void admin_reply_error(
	struct admin_reply *r, unsigned status, const char *code, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	outbuf_fini(&r->body);
	admin_reply_status(r, status);
	admin_reply_type(r, "application/json");
	outbuf_printf(&r->body,
		"{\"error\": {\"status\": %u, \"code\": \"%s\", \"message\": ", status, code);
	outbuf_json(&r->body, str_z(message));
	outbuf_lit(&r->body, "}}\n");
}
