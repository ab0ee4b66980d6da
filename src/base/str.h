/*
 * str.h: a view of bytes. It owns nothing, needs no NUL, and is passed by value.
 */
#ifndef TG_BASE_STR_H
#define TG_BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(lit)   ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_NONE   ((struct str){ NULL, 0 })
#define STR_FMT(s) (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_z(const char *z)
{
	return (struct str){ z, z != NULL ? strlen(z) : 0 };
}

static inline struct str str_mk(const char *p, size_t n)
{
	return (struct str){ p, n };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	       (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* s without its first n bytes; n must not exceed s.n. */
static inline struct str str_skip(struct str s, size_t n)
{
	return n > 0 ? (struct str){ s.p + n, s.n - n } : s; /* NULL + 0 is undefined */
}

/* Equal but for ASCII case. */
bool str_eq_ci(struct str a, struct str b);
bool str_starts_ci(struct str s, struct str prefix);

/* Offset of the first c, or of the first needle; (size_t)-1 when absent. */
size_t str_chr(struct str s, char c);
size_t str_find(struct str s, struct str needle);

/* Without leading and trailing spaces and tabs. */
struct str str_trim(struct str s);

/*
 * Take the part before the next sep off the front of *rest (sep itself is dropped).
 * False when *rest is exhausted. An empty input yields no part; "a,,b" yields "a", "", "b"; a sep
 * at the very end is followed by no part.
 */
bool str_split(struct str *rest, char sep, struct str *part);

/* memcmp order, shorter first when one is a prefix. */
int str_cmp(struct str a, struct str b);

/* A 64-bit hash for tables: each process has its own, so that nobody outside can choose keys that
 * meet in one place. */
uint64_t str_hash(struct str s);
/* The same everywhere and always: for what other processes, or the next one, must find again. */
uint64_t str_hash_fixed(struct str s);

/* Each bit of h in all bits of the result: makes a hash of a number, or of hashes joined. Fixed. */
static inline uint64_t hash_mix(uint64_t h)
{
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return h ^ h >> 32;
}

/* The nearest of n NUL-terminated words by edit distance, in which case does not count, or NULL
 * when none is near: for "did you mean". */
const char *str_nearest(struct str word, const char *const *words, size_t n);

/* malloc'd NUL-terminated copy; panics when memory is exhausted. */
char *str_dup(struct str s);

#endif
