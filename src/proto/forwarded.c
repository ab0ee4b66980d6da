/* forwarded.c: see forwarded.h. Pure. */
#include "base/num.h"
#include "proto/forwarded.h"

static void hop_add(struct forwarded *f, struct str hop)
{
	f->hop[f->n++ % FORWARDED_HOPS] = hop;
}

/* Empty elements of a list do not count (RFC 9110 section 5.6.1). */
void forwarded_add_xff(struct forwarded *f, struct str value)
{
	struct str part;

	while (str_split(&value, ',', &part)) {
		part = str_trim(part);
		if (part.n > 0)
			hop_add(f, part);
	}
}

/* ---- RFC 7239 section 4: for=192.0.2.43;proto=https, for="[2001:db8::1]:4711" */

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* more: characters that count besides. */
static struct str token_take(struct str *s, const char *more)
{
	struct str t = { s->p, 0 };

	while (t.n < s->n && (is_token_char(s->p[t.n]) ||
				     (s->p[t.n] != '\0' && strchr(more, s->p[t.n]) != NULL)))
		t.n++;
	*s = str_skip(*s, t.n);
	return t;
}

/* What is between the quotes, as it stands: no address has a backslash. -1: it does not end. */
static int quoted_take(struct str *s, struct str *out)
{
	size_t n = 1;

	while (n < s->n && s->p[n] != '"')
		n += s->p[n] == '\\' ? 2 : 1;
	if (n >= s->n)
		return -1;
	*out = str_mk(s->p + 1, n - 1);
	*s = str_skip(*s, n + 1);
	return 0;
}

static void blanks_skip(struct str *s)
{
	while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = str_skip(*s, 1);
}

static int pair_take(struct str *s, struct str *name, struct str *value)
{
	*name = token_take(s, "");
	if (name->n == 0 || s->n == 0 || s->p[0] != '=')
		return -1;
	*s = str_skip(*s, 1);
	if (s->n > 0 && s->p[0] == '"')
		return quoted_take(s, value);
	*value = token_take(s, ":[]"); /* some write ports and IPv6 without the quotes */
	return value->n > 0 ? 0 : -1;
}

/* One element, through the comma behind it. *hop: what it says of `for`; empty: nothing. */
static int element_take(struct str *s, struct str *hop, bool *some)
{
	struct str name, value;

	*hop = STR("");
	*some = false;
	for (;;) {
		blanks_skip(s);
		if (s->n > 0 && s->p[0] != ',' && s->p[0] != ';') {
			if (pair_take(s, &name, &value) != 0)
				return -1;
			if (str_eq_ci(name, STR("for"))) {
				if (hop->n > 0)
					return -1; /* section 4: once an element */
				*hop = value;
			}
			*some = true;
			blanks_skip(s);
		}
		if (s->n == 0)
			return 0;
		if (s->p[0] != ',' && s->p[0] != ';')
			return -1;
		*s = str_skip(*s, 1);
		if (s->p[-1] == ',')
			return 0;
	}
}

int forwarded_add_rfc7239(struct forwarded *f, struct str value)
{
	struct str hop;
	bool some;

	while (value.n > 0) {
		if (element_take(&value, &hop, &some) != 0)
			return -1;
		if (some)
			hop_add(f, hop);
	}
	return 0;
}

/* ---- who it is */

/* 1*5DIGIT, or empty with the colon that is there. */
static bool is_port(struct str s)
{
	uint64_t n;

	return s.n <= 5 && num_parse_u64(s, &n) == 0 && n <= 65535;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80" */
static int hop_parse(struct str s, struct ip *out)
{
	size_t end;

	if (s.n > 0 && s.p[0] == '[') {
		end = str_chr(s, ']');
		if (end == (size_t)-1 || str_chr(str_mk(s.p, end), ':') == (size_t)-1)
			return -1;
		if (end + 1 < s.n && (s.p[end + 1] != ':' || !is_port(str_skip(s, end + 2))))
			return -1;
		return ip_parse(str_mk(s.p + 1, end - 1), out);
	}
	end = str_chr(s, ':');
	if (end != (size_t)-1 && str_chr(str_skip(s, end + 1), ':') == (size_t)-1)
		return is_port(str_skip(s, end + 1)) ? ip_parse(str_mk(s.p, end), out) : -1;
	return ip_parse(s, out);
}

bool forwarded_client(
	const struct forwarded *f, forwarded_trust_f *trusted, const void *arg, struct ip *out)
{
	size_t least = f->n > FORWARDED_HOPS ? f->n - FORWARDED_HOPS : 0;
	bool found = false;
	struct ip a;

	for (size_t i = f->n; i > least; i--) {
		if (hop_parse(f->hop[(i - 1) % FORWARDED_HOPS], &a) != 0 || !ip_is_set(a))
			break;
		*out = a;
		found = true;
		if (!trusted(arg, a))
			break;
	}
	return found;
}
