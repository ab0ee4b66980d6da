/*
 * sse.c: the Server-Sent Events line machine. One state byte says where in a line the next byte is,
 * so any split of the input gives the same events. Data goes to the caller as spans of the input.
 * Owns nothing; pure functions, any thread.
 *
 *	BOM -> LINE -> FIELD -> (VALUE_SPACE ->) DATA | NAME | IGNORE -> end of line -> LINE
 */
#include "proto/sse.h"

enum state {
	S_BOM, /* very first byte */
	S_BOM_2,
	S_BOM_3,
	S_LINE,       /* first byte of a line */
	S_FIELD,      /* in the field's name */
	S_DATA_SPACE, /* behind "data:" */
	S_DATA,
	S_NAME_SPACE, /* behind "event:" */
	S_NAME,
	S_IGNORE,   /* rest of a comment, of an unknown field, of "id", "retry" */
	S_LF,       /* a CR ended the line: an LF belongs to it */
	S_LF_BLANK, /* the same between two events */
};

void sse_init(struct sse *s)
{
	memset(s, 0, sizeof *s);
}

static void event_begin(struct sse *s)
{
	s->has_data = false;
	s->ended = false;
	s->name_len = 0;
	s->event_start = s->offset;
}

static void skip(struct str *in, size_t n)
{
	*in = str_skip(*in, n);
}

/* in begins with the end of a line: consumed, and the LF of a CRLF with it when it is here already.
 */
static void line_end(struct sse *s, struct str *in, uint8_t cr_state)
{
	bool cr = *in->p == '\r';

	skip(in, 1);
	s->state = S_LINE;
	if (cr && in->n == 0)
		s->state = cr_state;
	else if (cr && *in->p == '\n')
		skip(in, 1);
}

/* The offset of the next CR or LF, or in.n. */
static size_t line_length(struct str in)
{
	const char *lf = memchr(in.p, '\n', in.n), *cr;
	size_t n = lf != NULL ? (size_t)(lf - in.p) : in.n;

	cr = n > 0 ? memchr(in.p, '\r', n) : NULL;
	return cr != NULL ? (size_t)(cr - in.p) : n;
}

/* A data line begins: the border to the one before is part of the data. */
static enum sse_rc data_begin(struct sse *s, struct str *out)
{
	static const char border[] = "\n";

	if (!s->has_data) {
		s->has_data = true;
		return SSE_MORE;
	}
	*out = str_mk(border, 1);
	return SSE_DATA;
}

static bool field_is(const struct sse *s, const char *name, size_t n)
{
	return s->field_len == n && memcmp(s->field, name, n) == 0;
}

/* The field's name is complete; `colon` whether a value follows. */
static enum sse_rc field_end(struct sse *s, bool colon, struct str *out)
{
	s->state = S_IGNORE;
	if (field_is(s, "data", 4)) {
		s->state = colon ? S_DATA_SPACE : S_DATA;
		return data_begin(s, out);
	}
	if (field_is(s, "event", 5)) {
		s->state = colon ? S_NAME_SPACE : S_NAME;
		s->name_len = 0;
	}
	return SSE_MORE;
}

static enum sse_rc on_field(struct sse *s, struct str *in, struct str *out)
{
	char c = *in->p;

	if (c == '\n' || c == '\r') /* stays: the value's state ends the line */
		return field_end(s, false, out);
	skip(in, 1);
	if (c == ':')
		return field_end(s, true, out);
	if (s->field_len < sizeof s->field) /* a longer one is none we know */
		s->field[s->field_len++] = c;
	return SSE_MORE;
}

static enum sse_rc on_line(struct sse *s, struct str *in, struct str *out)
{
	char c = *in->p;

	if (c == '\n' || c == '\r') {
		line_end(s, in, S_LF_BLANK);
		s->ended = true;
		return s->has_data ? SSE_EVENT_END : SSE_MORE;
	}
	if (c == ':') {
		skip(in, 1);
		s->state = S_IGNORE;
		return SSE_COMMENT;
	}
	if (in->n > 5 && memcmp(in->p, "data:", 5) == 0) { /* nearly every line */
		skip(in, 5);
		s->state = S_DATA_SPACE;
		return data_begin(s, out);
	}
	s->state = S_FIELD;
	s->field_len = 0;
	return SSE_MORE;
}

static void on_name(struct sse *s, struct str *in)
{
	size_t n = line_length(*in), keep = TG_MIN(n, (size_t)(SSE_MAX_NAME - s->name_len));

	memcpy(s->name + s->name_len, in->p, keep);
	s->name_len = (uint8_t)(s->name_len + keep);
	skip(in, n);
	if (in->n > 0)
		line_end(s, in, S_LF);
}

/* A stream may begin with a byte order mark; anything like it that is not one is an unknown field.
 */
static void on_bom(struct sse *s, struct str *in)
{
	static const char bom[3] = { '\xef', '\xbb', '\xbf' };

	if (*in->p == bom[s->state - S_BOM]) {
		skip(in, 1);
		s->state++;
		return;
	}
	s->state = s->state == S_BOM ? S_LINE : S_IGNORE;
}

static void on_lf(struct sse *s, struct str *in)
{
	bool lf = *in->p == '\n';

	if (lf)
		skip(in, 1);
	if (lf && s->state == S_LF_BLANK)
		s->event_start++;
	s->state = S_LINE;
}

/* One step at the first byte of *in, which has at least one. */
static enum sse_rc step(struct sse *s, struct str *in, struct str *out)
{
	size_t n;

	switch ((enum state)s->state) {
	case S_BOM:
	case S_BOM_2:
	case S_BOM_3: on_bom(s, in); return SSE_MORE;
	case S_LF:
	case S_LF_BLANK: on_lf(s, in); return SSE_MORE;
	case S_LINE: return on_line(s, in, out);
	case S_FIELD: return on_field(s, in, out);
	case S_DATA_SPACE:
	case S_NAME_SPACE:
		s->state++;
		if (*in->p == ' ')
			skip(in, 1);
		return SSE_MORE;
	case S_NAME: on_name(s, in); return SSE_MORE;
	case S_DATA:
	case S_IGNORE: break;
	}
	n = line_length(*in);
	*out = str_mk(in->p, n);
	skip(in, n);
	if (n > 0 && s->state == S_DATA)
		return SSE_DATA;
	if (in->n > 0)
		line_end(s, in, S_LF);
	return SSE_MORE;
}

enum sse_rc sse_feed(struct sse *s, struct str in, size_t *used, struct str *out)
{
	enum sse_rc rc = SSE_MORE;
	size_t size = in.n;

	while (in.n > 0 && rc == SSE_MORE) {
		size_t before = in.n;

		if (s->ended)
			event_begin(s);
		rc = step(s, &in, out);
		s->offset += before - in.n;
	}
	*used = size - in.n;
	return rc;
}

bool sse_at_border(const struct sse *s)
{
	return s->state == S_LINE && (s->ended || s->offset == s->event_start);
}

void sse_skip(struct sse *s, size_t n)
{
	s->offset += n;
	event_begin(s);
}
