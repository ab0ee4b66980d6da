/*
 * multipart.c: finds one text field of a multipart/form-data body while the bytes stream by; see
 * multipart.h. File data is passed over by memchr for CR. What two parsers could read differently
 * (escapes in a name, several names, odd transfer encodings) is refused: the field read here must
 * be the field the provider reads. Pure, any thread.
 */
#include "proto/multipart.h"
#include "proto/http_chars.h"

enum state {
	S_DATA, /* preamble or a part's body, looking for the delimiter; m->match bytes of it seen
		 */
	S_DELIMITER, /* just behind the boundary */
	S_DASH,      /* behind the boundary and one '-' */
	S_PADDING,   /* blanks behind the boundary */
	S_DELIMITER_LF,
	S_HEAD,
	S_END,
	S_BAD,
};

/* ---- parameters of a header value ---- */

struct param {
	struct str name, value;
	bool escaped; /* the quoted value has backslashes, still in it */
};

static struct str skip_blanks(struct str s)
{
	while (s.n != 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	return s;
}

static size_t token_len(struct str s)
{
	size_t n = 0;

	while (n < s.n && http_is(s.p[n], HTTP_C_TOKEN))
		n++;
	return n;
}

static int quoted_value(struct str *s, struct param *p)
{
	size_t i = 1;

	for (; i < s->n && s->p[i] != '"'; i++) {
		if (s->p[i] == '\\') {
			p->escaped = true;
			i++;
		}
	}
	if (i >= s->n)
		return -1;
	p->value = str_mk(s->p + 1, i - 1);
	*s = str_skip(*s, i + 1);
	return 0;
}

/* Wider than a token, since boundaries are written bare with ':', '/' and '=' in them. */
static int bare_value(struct str *s, struct param *p)
{
	size_t i = 0;

	while (i < s->n && http_is(s->p[i], HTTP_C_VCHAR) && memchr("\";,\\", s->p[i], 4) == NULL)
		i++;
	if (i == 0)
		return -1;
	p->value = str_mk(s->p, i);
	*s = str_skip(*s, i);
	return 0;
}

/* Takes "; name=value" off the front of *rest: 1, at the end 0, malformed -1. */
static int next_param(struct str *rest, struct param *p)
{
	struct str s = skip_blanks(*rest);
	size_t n;

	*p = (struct param){ .escaped = false };
	if (s.n == 0)
		return 0;
	if (s.p[0] != ';')
		return -1;
	s = skip_blanks(str_skip(s, 1));
	if (s.n == 0)
		return 0;
	n = token_len(s);
	if (n == 0 || n == s.n || s.p[n] != '=')
		return -1;
	p->name = str_mk(s.p, n);
	s = str_skip(s, n + 1);
	if (s.n == 0 || (s.p[0] == '"' ? quoted_value(&s, p) : bare_value(&s, p)) != 0)
		return -1;
	*rest = s;
	return 1;
}

/* ---- Content-Type ---- */

/* RFC 2046 section 5.1.1: 1 to 70 bchars, the last not a space. */
static bool boundary_valid(struct str b)
{
	if (b.n == 0 || b.n > MULTIPART_MAX_BOUNDARY || b.p[b.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (!http_is(b.p[i], HTTP_C_HOST) && memchr("'()+,/:=? ", b.p[i], 10) == NULL)
			return false;
	return true;
}

int multipart_init(struct multipart *m, struct str content_type, struct str watch)
{
	struct str type = STR("multipart/form-data"), boundary = STR_NONE;
	struct param p;
	int rc;

	memset(m, 0, offsetof(struct multipart, head));
	if (!str_starts_ci(content_type, type))
		return -1;
	content_type = str_skip(content_type, type.n);
	while ((rc = next_param(&content_type, &p)) > 0) {
		if (!str_eq_ci(p.name, STR("boundary")))
			continue;
		if (boundary.p != NULL || p.escaped)
			return -1;
		boundary = p.value;
	}
	if (rc != 0 || !boundary_valid(boundary))
		return -1;
	memcpy(m->boundary, "\r\n--", 4);
	memcpy(m->boundary + 4, boundary.p, boundary.n);
	m->boundary_len = (uint8_t)(boundary.n + 4);
	m->watch = watch;
	m->state = S_DATA;
	m->match = m->assumed = 2; /* the first delimiter may come without CRLF */
	return 0;
}

/* ---- part heads ---- */

struct part {
	struct str name;
	bool has_disposition, has_name, is_file, encoded;
};

static const char *parse_disposition(struct str v, struct part *part)
{
	struct str type = STR("form-data");
	struct param p;
	int rc;

	if (part->has_disposition)
		return "a part has two Content-Disposition lines";
	part->has_disposition = true;
	if (!str_starts_ci(v, type))
		return "a part is not form-data";
	v = str_skip(v, type.n);
	while ((rc = next_param(&v, &p)) > 0) {
		if (str_eq_ci(p.name, STR("name"))) {
			if (part->has_name || p.escaped)
				return "a part's name is given twice or has a backslash";
			part->has_name = true;
			part->name = p.value;
		} else if (str_starts_ci(p.name, STR("name*"))) {
			return "a part's name is given as name*, which form-data does not have";
		} else if (str_starts_ci(p.name, STR("filename"))) {
			part->is_file = true;
		}
		if (p.escaped && !part->has_name)
			return "a part has a backslash in front of its name";
	}
	return rc == 0 ? NULL : "a Content-Disposition is malformed";
}

/* Old clients say 8bit or binary; anything else would change the value. */
static bool is_identity(struct str v)
{
	return str_eq_ci(v, STR("7bit")) || str_eq_ci(v, STR("8bit")) ||
	       str_eq_ci(v, STR("binary"));
}

static const char *parse_line(struct str line, struct part *part)
{
	size_t n = token_len(line);
	struct str name = str_mk(line.p, n), value;

	if (n == 0 || n == line.n || line.p[n] != ':')
		return "a part's header line is not name: value";
	value = str_trim(str_skip(line, n + 1));
	for (size_t i = 0; i < value.n; i++)
		if (!http_is(value.p[i], HTTP_C_FIELD))
			return "a part's header has a control byte";
	if (str_eq_ci(name, STR("content-disposition")))
		return parse_disposition(value, part);
	if (str_eq_ci(name, STR("content-transfer-encoding")) && !is_identity(value))
		part->encoded = true;
	return NULL;
}

/* The head is complete: which part begins here? */
static const char *part_begins(struct multipart *m, uint64_t offset)
{
	struct part part = { .has_name = false };
	struct str rest = str_mk(m->head, m->head_len - 2u), line;
	const char *err;

	while (str_split(&rest, '\n', &line)) {
		line.n--; /* its CR */
		if ((err = parse_line(line, &part)) != NULL)
			return err;
	}
	m->head_len = 0;
	if (!part.has_name || !str_eq(part.name, m->watch))
		return NULL;
	if (m->found)
		return "the field is given more than once";
	if (part.is_file || part.encoded)
		return "the field is not plain text";
	m->in_watched = true;
	m->value_from = offset;
	return NULL;
}

/* ---- the stream ---- */

static enum multipart_rc bad(struct multipart *m, const char *why)
{
	m->err = why;
	m->state = S_BAD;
	return MULTIPART_BAD;
}

static bool keep(struct multipart *m, const char *p, size_t n)
{
	if (n > sizeof(m->value_buf) - m->value_len)
		return false;
	memcpy(m->value_buf + m->value_len, p, n);
	m->value_len = (uint16_t)(m->value_len + n);
	return true;
}

/* The delimiter is complete at absolute offset `end`. */
static enum multipart_rc delimiter(struct multipart *m, uint64_t end)
{
	if (m->assumed != 0 && m->in_part)
		return bad(m, "a part's body begins with the boundary");
	m->match = m->assumed = 0;
	m->in_part = true;
	m->state = S_DELIMITER;
	if (!m->in_watched)
		return MULTIPART_MORE;
	m->in_watched = false;
	m->found = true;
	m->value_to = end - m->boundary_len;
	m->value = str_mk(m->value_buf, m->value_len);
	return MULTIPART_FOUND;
}

/*
 * Looks for the delimiter in p[*i..n). CR begins the delimiter and is nowhere else in it, so a
 * mismatch never has to go back further than to the byte at hand.
 */
static enum multipart_rc feed_data(struct multipart *m, const char *p, size_t n, size_t *i)
{
	const char *cr;
	size_t from;

	while (*i < n) {
		if (m->match == 0) {
			from = *i;
			cr = memchr(p + from, '\r', n - from);
			*i = cr != NULL ? (size_t)(cr - p) : n;
			if (m->in_watched && !keep(m, p + from, *i - from))
				return bad(m, "the field's value is too long");
			if (cr == NULL)
				break;
			m->match = 1;
			++*i;
		} else if (p[*i] == m->boundary[m->match]) {
			++*i;
			if (++m->match == m->boundary_len)
				return delimiter(m, m->offset + *i);
		} else {
			if (m->in_watched &&
				!keep(m, m->boundary + m->assumed, m->match - m->assumed))
				return bad(m, "the field's value is too long");
			m->assumed = 0;
			m->match = p[*i] == '\r';
			*i += m->match;
		}
	}
	return MULTIPART_MORE;
}

/* One byte of a part's head; *offset is that of the byte behind it. */
static enum multipart_rc feed_head(struct multipart *m, char c, uint64_t offset)
{
	const char *err;
	size_t n = m->head_len;

	if (n == MULTIPART_MAX_HEAD)
		return bad(m, "a part's head is too large");
	m->head[m->head_len++] = c;
	if (c != '\n')
		return MULTIPART_MORE;
	if (n == 0 || m->head[n - 1] != '\r')
		return bad(m, "a line of a part's head ends in LF without CR");
	if (n > 1 && (n < 3 || m->head[n - 2] != '\n'))
		return MULTIPART_MORE;
	if ((err = part_begins(m, offset)) != NULL)
		return bad(m, err);
	m->state = S_DATA;
	m->match = m->assumed = 2; /* some parsers take a boundary right here for a delimiter */
	return MULTIPART_MORE;
}

/* The bytes behind the boundary: "--", or blanks and CRLF. */
static enum multipart_rc feed_delimiter(struct multipart *m, char c)
{
	switch (m->state) {
	case S_DASH:
		if (c != '-')
			break;
		m->state = S_END;
		return MULTIPART_END;
	case S_DELIMITER_LF:
		if (c != '\n')
			break;
		m->state = S_HEAD;
		return MULTIPART_MORE;
	default:
		if (c == '-' && m->state == S_DELIMITER)
			m->state = S_DASH;
		else if (c == '\r')
			m->state = S_DELIMITER_LF;
		else if (c == ' ' || c == '\t')
			m->state = S_PADDING;
		else
			break;
		return MULTIPART_MORE;
	}
	return bad(m, "a boundary is followed by neither a line end nor --");
}

enum multipart_rc multipart_feed(struct multipart *m, struct str in, size_t *used)
{
	enum multipart_rc rc = MULTIPART_MORE;
	size_t i = 0;

	while (i < in.n && rc == MULTIPART_MORE && m->state != S_END && m->state != S_BAD) {
		if (m->state == S_DATA) {
			rc = feed_data(m, in.p, in.n, &i);
			continue;
		}
		i++;
		rc = m->state == S_HEAD ? feed_head(m, in.p[i - 1], m->offset + i)
					: feed_delimiter(m, in.p[i - 1]);
	}
	if (m->state == S_END) { /* what follows is an epilogue: nobody reads it */
		i = in.n;
		rc = MULTIPART_END;
	}
	*used = i;
	m->offset += i;
	return m->state == S_BAD ? MULTIPART_BAD : rc;
}
