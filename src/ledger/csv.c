/*
 * csv.c: quoting of CSV fields (csv.h). Pure; any thread.
 */
#include "ledger/csv.h"

static bool is_formula(struct str s)
{
	return s.n > 0 && memchr("=+-@\t\r", s.p[0], 6) != NULL;
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr(",\"\r\n", s.p[i], 4) != NULL)
			return false;
	return true;
}

void csv_text(struct outbuf *b, struct str s)
{
	const char *guard = is_formula(s) ? "'" : "";
	char *to, *p;

	if (is_plain(s)) {
		outbuf_put(b, str_z(guard));
		outbuf_put(b, s);
		return;
	}
	to = outbuf_room(b, 2 * s.n + 3);
	if (to == NULL)
		return;
	p = to;
	*p++ = '"';
	if (guard[0] != '\0')
		*p++ = guard[0];
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			*p++ = '"';
		*p++ = s.p[i];
	}
	*p++ = '"';
	b->n += (size_t)(p - to);
}
