/*
 * str.c: searching, comparing and hashing views of bytes. Pure functions, any thread.
 */
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/defs.h"

#define BYTES(b) (0x0101010101010101u * (uint64_t)(b))

static inline uint64_t load64(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return w;
}

static inline unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return (unsigned char)(u | ((unsigned)(u - 'A') < 26u) << 5);
}

/* ASCII capitals of eight bytes to small letters; other bytes, also above 127, stay. */
static inline uint64_t lower64(uint64_t w)
{
	uint64_t low7 = w & BYTES(0x7f);
	uint64_t from_a = low7 + BYTES(0x80 - 'A'); /* bit 7: >= 'A' */
	uint64_t past_z = low7 + BYTES(0x7f - 'Z'); /* bit 7: > 'Z' */

	return w | ((from_a & ~past_z & ~w & BYTES(0x80)) >> 2);
}

static bool bytes_eq_ci(const char *a, const char *b, size_t n)
{
	if (n < 8) {
		for (size_t i = 0; i < n; i++)
			if (lower(a[i]) != lower(b[i]))
				return false;
		return true;
	}
	for (size_t i = 0; i + 8 < n; i += 8)
		if (lower64(load64(a + i)) != lower64(load64(b + i)))
			return false;
	/* The last eight overlap what has been compared already. */
	return lower64(load64(a + n - 8)) == lower64(load64(b + n - 8));
}

bool str_eq_ci(struct str a, struct str b)
{
	return a.n == b.n && bytes_eq_ci(a.p, b.p, a.n);
}

bool str_starts_ci(struct str s, struct str prefix)
{
	return s.n >= prefix.n && bytes_eq_ci(s.p, prefix.p, prefix.n);
}

size_t str_chr(struct str s, char c)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : (size_t)-1;
}

/* memmem prepares for more than the name of a model: 30 ns of it. */
#define FIND_SHORT 64

static size_t find_short(struct str s, struct str needle)
{
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (s.p[i] == *needle.p && memcmp(s.p + i, needle.p, needle.n) == 0)
			return i;
	return (size_t)-1;
}

size_t str_find(struct str s, struct str needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	if (s.n < needle.n)
		return (size_t)-1;
	if (s.n <= FIND_SHORT)
		return find_short(s, needle);
	at = memmem(s.p, s.n, needle.p, needle.n);
	return at != NULL ? (size_t)(at - s.p) : (size_t)-1;
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool str_split(struct str *rest, char sep, struct str *part)
{
	size_t at;

	if (rest->n == 0)
		return false;
	at = str_chr(*rest, sep);
	if (at == (size_t)-1) {
		*part = *rest;
		*rest = str_skip(*rest, rest->n);
	} else {
		*part = str_mk(rest->p, at);
		*rest = str_skip(*rest, at + 1);
	}
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = TG_MIN(a.n, b.n);
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

/* Both halves of the 128-bit product, folded: every input bit reaches every output bit. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

struct hash_key {
	uint64_t begin, k1, k2;
};

/* Odd, with about half their bits set, and unlike text so that a word seldom cancels one out. */
static const struct hash_key hash_fixed = { 0xd1b54a32d192ed03u, 0x8cb92ba72f3d8dd7u,
	0xaef17502108ef2d9u };
static struct hash_key hash_own; /* this process's; set before main */

__attribute__((constructor)) static void hash_own_draw(void)
{
	uint64_t v[3];
	size_t n = 0;

	while (n < sizeof v) { /* short only where a signal comes; at boot it waits */
		ssize_t got = getrandom((char *)v + n, sizeof v - n, 0);

		if (got > 0)
			n += (size_t)got;
		else if (errno != EINTR)
			abort();
	}
	hash_own = (struct hash_key){ v[0], v[1] | 1, v[2] | 1 };
}

/* One to seven bytes as an integer, two overlapping loads instead of a loop. */
static inline uint64_t load_short(const char *p, size_t n)
{
	uint32_t a, b;

	if (n >= 4) {
		memcpy(&a, p, 4);
		memcpy(&b, p + n - 4, 4);
		return (uint64_t)a << 32 | b;
	}
	if (n == 0)
		return 0;
	return (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
	       (unsigned char)p[n - 1];
}

static inline uint64_t hash_by(const struct hash_key *k, struct str s)
{
	uint64_t h = k->begin ^ s.n, tail;
	const char *p = s.p;
	size_t n = s.n;

	if (n < 8) {
		tail = load_short(p, n);
	} else {
		tail = load64(p + n - 8);
		for (; n > 8; n -= TG_MIN(n, 8), p += 8)
			h = mix(h ^ load64(p), k->k1) + k->k2;
	}
	return mix(mix(h ^ tail, k->k1) ^ s.n, k->k2);
}

uint64_t str_hash(struct str s)
{
	return hash_by(&hash_own, s);
}

uint64_t str_hash_fixed(struct str s)
{
	return hash_by(&hash_fixed, s);
}

#define NEAREST_MAX 64 /* no word of ours is longer */

/* Optimal string alignment distance: a neighbouring swap counts one, like any other slip; case does
 * not count. */
static unsigned edit_distance(struct str a, struct str b)
{
	unsigned rows[3][NEAREST_MAX + 1], *prev2 = rows[0], *prev = rows[1], *cur = rows[2];

	for (size_t j = 0; j <= b.n; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		unsigned *oldest = prev2;

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned d = prev[j - 1] + (lower(a.p[i - 1]) != lower(b.p[j - 1]));

			d = TG_MIN(d, prev[j] + 1);
			d = TG_MIN(d, cur[j - 1] + 1);
			if (i > 1 && j > 1 && lower(a.p[i - 1]) == lower(b.p[j - 2]) &&
				lower(a.p[i - 2]) == lower(b.p[j - 1]))
				d = TG_MIN(d, prev2[j - 2] + 1);
			cur[j] = d;
		}
		prev2 = prev;
		prev = cur;
		cur = oldest;
	}
	return prev[b.n];
}

const char *str_nearest(struct str word, const char *const *words, size_t n)
{
	const char *best = NULL;
	unsigned best_d = (unsigned)TG_MAX(word.n / 3, 1) + 1;

	if (word.n == 0 || word.n > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct str w = str_z(words[i]);
		unsigned d;

		if (w.n > NEAREST_MAX || w.n == 0)
			continue;
		d = edit_distance(word, w);
		/* All letters wrong is no likeness, however short the word. */
		if (d < best_d && d < w.n) {
			best = words[i];
			best_d = d;
		}
	}
	return best;
}

char *str_dup(struct str s)
{
	char *p = malloc(s.n + 1);

	tg_assert(p != NULL);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}
