/*
 * http_names.c: what HTTP names: character classes, header names the code acts on, reasons of
 * refusal, comma-separated lists. The name index is built once, before main(), from
 * tbl/http_names.h and is only read afterwards, from any thread.
 */
#include "proto/http_chars.h"
#include "proto/http1_head.h"

#define ALPHA(c)      (((c) | 0x20) >= 'a' && ((c) | 0x20) <= 'z')
#define DIGIT(c)      ((c) >= '0' && (c) <= '9')
#define HEX(c)        (DIGIT(c) || (((c) | 0x20) >= 'a' && ((c) | 0x20) <= 'f'))
#define UNRESERVED(c) (ALPHA(c) || DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define VCHAR(c)      ((c) > 0x20 && (c) < 0x7f)
#define SUB_DELIM(c) \
	((c) == '!' || (c) == '$' || ((c) >= '&' && (c) <= ',') || (c) == ';' || (c) == '=')
#define TCHAR(c)                                                                            \
	(ALPHA(c) || DIGIT(c) || (c) == '!' || ((c) >= '#' && (c) <= '\'') || (c) == '*' || \
		(c) == '+' || (c) == '-' || (c) == '.' || ((c) >= '^' && (c) <= '`') ||     \
		(c) == '|' || (c) == '~')

#define CLASS(c)                                                                              \
	((TCHAR(c) ? HTTP_C_TOKEN : 0) | (VCHAR(c) ? HTTP_C_VCHAR : 0) |                      \
		(VCHAR(c) || (c) == ' ' || (c) == '\t' || (c) >= 0x80 ? HTTP_C_FIELD : 0) |   \
		(UNRESERVED(c) || SUB_DELIM(c) || (c) == ':' || (c) == '@' || (c) == '/'      \
				? HTTP_C_PATH                                                 \
				: 0) |                                                        \
		(UNRESERVED(c) ? HTTP_C_UNRESERVED : 0) |                                     \
		(ALPHA(c) || DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' ? HTTP_C_HOST \
										: 0) |        \
		(HEX(c) ? HTTP_C_HEX : 0) | (DIGIT(c) ? HTTP_C_DIGIT : 0))
#define CLASS4(c)  CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define CLASS16(c) CLASS4(c), CLASS4((c) + 4), CLASS4((c) + 8), CLASS4((c) + 12)
#define CLASS64(c) CLASS16(c), CLASS16((c) + 16), CLASS16((c) + 32), CLASS16((c) + 48)

const uint8_t http_char[256] = { CLASS64(0), CLASS64(64), CLASS64(128), CLASS64(192) };

static const struct str names[HTTP_N__MAX] = {
#define X(id, text) [HTTP_N_##id] = { text, sizeof(text) - 1 },
#include "proto/tbl/http_names.h"
#undef X
};

static const struct {
	int status;
	const char *text;
} errors[HTTP_E__MAX] = {
	[HTTP_E_NONE] = { 200, "no error" },
#define X(id, status, text) [HTTP_E_##id] = { status, text },
#include "proto/tbl/http_errors.h"
#undef X
};

/* Open addressing: enum http_name or 0. Sparse, so that an unknown name mostly hits an empty slot.
 */
#define SLOTS 256
static uint8_t slot[SLOTS];
_Static_assert(HTTP_N__MAX < SLOTS / 3, "the name index wants to stay sparse");

static inline unsigned name_hash(const char *p, size_t n)
{
	unsigned a = (unsigned)p[0] | 0x20, b = (unsigned)p[n / 2] | 0x20,
		 c = (unsigned)p[n - 1] | 0x20;

	return ((unsigned)n * 5 + a * 11 + b * 3 + c * 29) % SLOTS;
}

__attribute__((constructor)) static void names_index(void)
{
	for (unsigned id = 1; id < HTTP_N__MAX; id++) {
		unsigned h = name_hash(names[id].p, names[id].n);

		while (slot[h] != 0)
			h = (h + 1) % SLOTS;
		slot[h] = (uint8_t)id;
	}
}

static inline uint64_t load_lower(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v | 0x2020202020202020u;
}

/* p is a token, so that setting 0x20 can only turn upper into lower case, or into something
 * unnamed. */
static inline bool name_same(const char *p, const char *lower, size_t n)
{
	size_t i = 0;

	if (n >= 8) {
		for (; i + 8 < n; i += 8)
			if (load_lower(p + i) != load_lower(lower + i))
				return false;
		return load_lower(p + n - 8) == load_lower(lower + n - 8);
	}
	for (; i < n; i++)
		if ((p[i] | 0x20) != lower[i])
			return false;
	return true;
}

enum http_name http_name_of_token(const char *p, size_t n)
{
	unsigned h = name_hash(p, n);

	for (; slot[h] != 0; h = (h + 1) % SLOTS) {
		const struct str *name = &names[slot[h]];

		if (name->n == n && name_same(p, name->p, n))
			return (enum http_name)slot[h];
	}
	return HTTP_N_OTHER;
}

int http_error_status(enum http_error e)
{
	tg_assert(e < HTTP_E__MAX);
	return errors[e].status;
}

const char *http_error_text(enum http_error e)
{
	tg_assert(e < HTTP_E__MAX);
	return errors[e].text;
}

bool http_list_has(struct str value, struct str token)
{
	struct str part;

	while (str_split(&value, ',', &part))
		if (str_eq_ci(str_trim(part), token))
			return true;
	return false;
}
