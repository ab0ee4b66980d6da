/*
 * mmdb_check.c: see mmdb_check.h. Pure.
 *
 *	search tree | 16 zero bytes | data section | marker | metadata
 *
 * A value is followed inline and through pointers; the one that a pointer or the tree leads to is
 * followed once, so the work grows with the file and not with the number of ways through it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/mmdb_check.h"

#define MARKER         \
	"\xab\xcd\xef" \
	"MaxMind.com"
#define MARKER_LEN  (sizeof(MARKER) - 1)
#define MARKER_BACK (128 * 1024) /* it stands in so many bytes from the end */
#define GAP         16           /* between tree and data */
#define DEPTH_MAX   32
#define STEPS_MORE  (1024 * 1024)

enum value_type {
	V_EXTENDED = 0,
	V_POINTER = 1,
	V_STRING = 2,
	V_DOUBLE = 3,
	V_BYTES = 4,
	V_UINT16 = 5,
	V_UINT32 = 6,
	V_MAP = 7,
	V_INT32 = 8,
	V_UINT64 = 9,
	V_UINT128 = 10,
	V_ARRAY = 11,
	V_BOOL = 14,
	V_FLOAT = 15,
};

enum seen { SEEN_NOT, SEEN_OPEN, SEEN_WHOLE };

struct walk { /* of one section */
	const uint8_t *p;
	size_t n;
	uint8_t *seen; /* two bits a byte of the section: enum seen */
	uint64_t steps_left;
	struct mmdb_facts *facts;
	const char *wrong;
	size_t wrong_at;
};

struct value { /* the head of one */
	enum value_type type;
	uint32_t size; /* bytes, pairs or elements; of a pointer: where it leads */
	size_t at;     /* of its contents */
};

static int walk_fail(struct walk *w, size_t at, const char *wrong)
{
	w->wrong = wrong;
	w->wrong_at = at;
	return -1;
}

static uint32_t be(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static int read_pointer(struct walk *w, size_t at, struct value *v)
{
	static const uint32_t base[] = { 0, 2048, 526336, 0 };
	unsigned control = w->p[at], bytes = (control >> 3 & 3) + 1;

	if (w->n - at - 1 < bytes)
		return walk_fail(w, at, "a pointer is cut off");
	v->type = V_POINTER;
	v->size = be(w->p + at + 1, bytes);
	if (bytes < 4)
		v->size += ((control & 7) << (8 * bytes)) + base[bytes - 1];
	v->at = at + 1 + bytes;
	return 0;
}

static int read_size(struct walk *w, struct value *v)
{
	static const uint32_t base[] = { 29, 285, 65821 };
	unsigned more = v->size < 29 ? 0 : v->size - 28;

	if (w->n - v->at < more)
		return walk_fail(w, v->at, "a size is cut off");
	if (more > 0)
		v->size = base[more - 1] + be(w->p + v->at, more);
	v->at += more;
	return 0;
}

static int read_head(struct walk *w, size_t at, struct value *v)
{
	if (at >= w->n)
		return walk_fail(w, at, "a value begins behind the end");
	if (w->p[at] >> 5 == V_POINTER)
		return read_pointer(w, at, v);
	v->type = w->p[at] >> 5;
	v->size = w->p[at] & 31;
	v->at = at + 1;
	if (v->type == V_EXTENDED) {
		if (v->at >= w->n)
			return walk_fail(w, at, "a type is cut off");
		v->type = w->p[v->at++] + 7;
		if (v->type < V_INT32 || v->type > V_FLOAT || v->type == 12 || v->type == 13)
			return walk_fail(w, at, "a value has no type that there is");
	}
	return read_size(w, v);
}

/* Has it a size that its type may have, and is all of it there? */
static int check_scalar(struct walk *w, size_t at, const struct value *v)
{
	static const uint8_t most[] = { [V_UINT16] = 2,
		[V_UINT32] = 4,
		[V_INT32] = 4,
		[V_UINT64] = 8,
		[V_UINT128] = 16,
		[V_BOOL] = 1 };

	if (v->type == V_BOOL)
		return v->size <= 1 ? 0 : walk_fail(w, at, "a boolean is neither 0 nor 1");
	if (v->size > w->n - v->at)
		return walk_fail(w, at, "a value goes on behind the end");
	if ((v->type == V_DOUBLE && v->size != 8) || (v->type == V_FLOAT && v->size != 4) ||
		(v->type < sizeof(most) && most[v->type] != 0 && v->size > most[v->type]))
		return walk_fail(w, at, "a number has a size that its type has not");
	return 0;
}

static bool is_utf8(const uint8_t *p, size_t n)
{
	while (n > 0) {
		unsigned more = *p < 0x80 ? 0 : *p < 0xc2 ? 4 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		uint32_t least = more == 2 ? 0x800 : more == 3 ? 0x10000 : 0, c;

		if (more == 4 || *p > 0xf4 || n <= more)
			return false;
		c = more == 0 ? *p : *p & (0x3fu >> more);
		for (unsigned i = 1; i <= more; i++) {
			if (p[i] >> 6 != 2)
				return false;
			c = c << 6 | (p[i] & 63);
		}
		if (c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
		p += more + 1;
		n -= more + 1;
	}
	return true;
}

static bool is_word(const struct walk *w, const struct value *v, const char *word)
{
	return v->type == V_STRING && v->size == strlen(word) &&
	       memcmp(w->p + v->at, word, v->size) == 0;
}

/* A key is a string, or leads to one. *key: the string; returns where the key ends, or 0. */
static size_t check_key(struct walk *w, size_t at, struct value *key)
{
	size_t end;

	if (read_head(w, at, key) != 0)
		return 0;
	end = key->at + key->size;
	if (key->type == V_POINTER) {
		end = key->at;
		if (read_head(w, key->size, key) != 0)
			return 0;
	}
	if (key->type != V_STRING || check_scalar(w, at, key) != 0) {
		(void)walk_fail(w, at, "the key of a map is no string");
		return 0;
	}
	if (!is_utf8(w->p + key->at, key->size)) {
		(void)walk_fail(w, at, "the key of a map is no UTF-8");
		return 0;
	}
	return end;
}

static int check_value(struct walk *w, size_t at, size_t *end, unsigned depth);

static int check_map(struct walk *w, const struct value *map, size_t *end, unsigned depth)
{
	size_t at = map->at;
	struct value key;

	for (uint32_t i = 0; i < map->size; i++) {
		at = check_key(w, at, &key);
		if (at == 0)
			return -1;
		w->facts->has_country |= is_word(w, &key, "country");
		w->facts->has_asn |= is_word(w, &key, "autonomous_system_number");
		if (check_value(w, at, &at, depth + 1) != 0)
			return -1;
	}
	*end = at;
	return 0;
}

/* Two bits of the place's. */
static enum seen seen_get(const struct walk *w, size_t at)
{
	return w->seen[at / 4] >> at % 4 * 2 & 3;
}

static void seen_set(struct walk *w, size_t at, enum seen s)
{
	w->seen[at / 4] =
		(uint8_t)((w->seen[at / 4] & ~(3u << at % 4 * 2)) | (unsigned)s << at % 4 * 2);
}

/* What the tree or a pointer leads to. */
static int check_led(struct walk *w, size_t at, unsigned depth)
{
	size_t end;

	if (at >= w->n)
		return walk_fail(w, at, "something leads behind the end");
	if (seen_get(w, at) == SEEN_WHOLE)
		return 0;
	if (seen_get(w, at) == SEEN_OPEN)
		return walk_fail(w, at, "a value contains itself");
	seen_set(w, at, SEEN_OPEN);
	if (check_value(w, at, &end, depth) != 0)
		return -1;
	seen_set(w, at, SEEN_WHOLE);
	return 0;
}

/* *end: behind it. */
static int check_value(struct walk *w, size_t at, size_t *end, unsigned depth)
{
	struct value v, led;

	if (depth > DEPTH_MAX)
		return walk_fail(w, at, "values are nested too deeply");
	if (w->steps_left-- == 0)
		return walk_fail(w, at, "values overlap too often");
	if (read_head(w, at, &v) != 0)
		return -1;
	switch (v.type) {
	case V_MAP: return check_map(w, &v, end, depth);
	case V_ARRAY:
		*end = v.at;
		for (uint32_t i = 0; i < v.size; i++)
			if (check_value(w, *end, end, depth + 1) != 0)
				return -1;
		return 0;
	case V_POINTER:
		*end = v.at;
		if (read_head(w, v.size, &led) != 0)
			return -1;
		if (led.type == V_POINTER)
			return walk_fail(w, at, "a pointer leads to a pointer");
		return check_led(w, v.size, depth + 1);
	case V_BOOL: *end = v.at; return check_scalar(w, at, &v);
	default: *end = v.at + v.size; return check_scalar(w, at, &v);
	}
}

static int walk_init(struct walk *w, const uint8_t *p, size_t n, struct mmdb_facts *facts)
{
	*w = (struct walk){ .p = p, .n = n, .facts = facts };
	w->steps_left = 8 * (uint64_t)n + STEPS_MORE;
	w->seen = calloc(n / 4 + 1, 1);
	return w->seen != NULL ? 0 : walk_fail(w, 0, "there is no memory to check it");
}

/* ---- metadata */

static uint64_t number_of(const struct walk *w, const struct value *v)
{
	uint64_t n = 0;

	if (v->type != V_UINT16 && v->type != V_UINT32 && v->type != V_UINT64)
		return 0;
	for (uint32_t i = 0; i < v->size; i++)
		n = n << 8 | w->p[v->at + i];
	return n;
}

struct meta {
	uint64_t major, nodes, bits, version, build;
};

static void meta_take(struct walk *w, const struct value *key, const struct value *v,
	struct meta *m, struct mmdb_facts *out)
{
	const struct {
		const char *name;
		uint64_t *into;
	} rows[] = { { "binary_format_major_version", &m->major }, { "node_count", &m->nodes },
		{ "record_size", &m->bits }, { "ip_version", &m->version },
		{ "build_epoch", &m->build } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		if (is_word(w, key, rows[i].name))
			*rows[i].into = number_of(w, v);
	if (is_word(w, key, "database_type") && v->type == V_STRING)
		snprintf(out->type, sizeof(out->type), "%.*s",
			(int)TG_MIN(v->size, (uint32_t)sizeof(out->type)),
			(const char *)w->p + v->at);
}

/* An array, or the values of a map: nothing but strings? libmaxminddb wants it so. */
static bool all_strings(struct walk *w, const struct value *v)
{
	size_t at = v->at, end;
	struct value each;

	for (uint32_t i = 0; i < v->size; i++) {
		if (v->type == V_MAP && (at = check_key(w, at, &each)) == 0)
			return false;
		if (read_head(w, at, &each) != 0 || check_value(w, at, &end, 1) != 0)
			return false;
		if (each.type == V_POINTER && read_head(w, each.size, &each) != 0)
			return false;
		if (each.type != V_STRING)
			return false;
		at = end;
	}
	return true;
}

static int meta_texts(struct walk *w, size_t at, const struct value *key, const struct value *v)
{
	if (is_word(w, key, "languages") && (v->type != V_ARRAY || !all_strings(w, v)))
		return walk_fail(w, at, "`languages` is no list of texts");
	if (is_word(w, key, "description") && (v->type != V_MAP || !all_strings(w, v)))
		return walk_fail(w, at, "`description` is no map of texts");
	return 0;
}

/* The whole of it was checked: a map, whose members are read here. */
static int meta_read(struct walk *w, struct meta *m, struct mmdb_facts *out)
{
	struct value map, key, v;
	size_t at, end;

	if (check_led(w, 0, 0) != 0 || read_head(w, 0, &map) != 0)
		return -1;
	if (map.type != V_MAP)
		return walk_fail(w, 0, "is no map");
	at = map.at;
	for (uint32_t i = 0; i < map.size; i++) {
		at = check_key(w, at, &key);
		if (at == 0 || read_head(w, at, &v) != 0)
			return -1;
		if (v.type == V_POINTER && read_head(w, v.size, &v) != 0)
			return -1;
		meta_take(w, &key, &v, m, out);
		if (meta_texts(w, at, &key, &v) != 0 || check_value(w, at, &end, 1) != 0)
			return -1;
		at = end;
	}
	return 0;
}

static const char *meta_wrong(const struct meta *m)
{
	if (m->major != 2)
		return "its format is not version 2";
	if (m->bits != 24 && m->bits != 28 && m->bits != 32)
		return "its records have not 24, 28 or 32 bits";
	if (m->version != 4 && m->version != 6)
		return "its addresses are neither IPv4 nor IPv6";
	if (m->nodes == 0 || m->nodes > UINT32_MAX)
		return "it has no search tree";
	return NULL;
}

/* ---- the tree */

static uint32_t tree_record(const uint8_t *node, unsigned bits, unsigned right)
{
	switch (bits) {
	case 24: return be(node + 3 * right, 3);
	case 32: return be(node + 4 * right, 4);
	default:
		return right ? (node[3] & 15u) << 24 | be(node + 4, 3)
			     : (node[3] & 0xf0u) << 20 | be(node, 3);
	}
}

static int check_tree(struct walk *data, const uint8_t *tree, const struct mmdb_facts *f)
{
	size_t bytes = f->record_bits / 4;
	uint32_t v;

	for (uint32_t i = 0; i < f->node_count; i++)
		for (unsigned right = 0; right < 2; right++) {
			v = tree_record(tree + i * bytes, f->record_bits, right);
			if (v <= f->node_count)
				continue; /* another node, or nothing */
			if (v - f->node_count < GAP)
				return walk_fail(
					data, 0, "the search tree leads into the gap before it");
			if (check_led(data, v - f->node_count - GAP, 0) != 0)
				return -1;
		}
	return 0;
}

struct tree {
	const uint8_t *p;
	const struct mmdb_facts *f;
	uint8_t *height; /* of each node: nodes on the longest way down, itself counted; 0: not
			    known */
	unsigned bits;   /* of an address */
};

/*
 * More nodes in a row than an address has bits are a loop, or lead nowhere. Nodes may be reached in
 * several ways (IPv4 addresses are mapped into IPv6 more than once), so heights are remembered.
 */
static int tree_height(struct tree *t, uint32_t node, unsigned depth)
{
	unsigned most = 0;

	if (t->height[node] == 0) {
		if (depth >= t->bits)
			return -1;
		for (unsigned right = 0; right < 2; right++) {
			uint32_t v = tree_record(t->p + (size_t)node * (t->f->record_bits / 4),
				t->f->record_bits, right);

			if (v >= t->f->node_count)
				continue;
			if (tree_height(t, v, depth + 1) != 0)
				return -1;
			most = TG_MAX(most, (unsigned)t->height[v]);
		}
		t->height[node] = (uint8_t)(most + 1);
	}
	return depth + t->height[node] <= t->bits ? 0 : -1;
}

static const char *tree_wrong(const uint8_t *p, const struct mmdb_facts *f)
{
	struct tree t = { p, f, calloc(f->node_count, 1), f->ip_version == 4 ? 32 : 128 };
	int rc;

	if (t.height == NULL)
		return "there is no memory to check it";
	rc = tree_height(&t, 0, 0);
	free(t.height);
	return rc == 0 ? NULL : "the search tree is deeper than addresses are long";
}

/* ---- the whole */

static const uint8_t *find_marker(const uint8_t *p, size_t n)
{
	size_t least = n > MARKER_BACK ? n - MARKER_BACK : 0;

	for (size_t i = n >= MARKER_LEN ? n - MARKER_LEN + 1 : 0; i > least; i--)
		if (memcmp(p + i - 1, MARKER, MARKER_LEN) == 0)
			return p + i - 1;
	return NULL;
}

static int say(char *err, size_t err_len, const char *where, const struct walk *w)
{
	snprintf(err, err_len, "%s %s (byte %zu there)", where, w->wrong, w->wrong_at);
	return -1;
}

static int check_meta(const uint8_t *p, size_t n, struct mmdb_facts *out, char *err, size_t err_len)
{
	struct meta m = { 0 };
	struct walk w;
	const char *wrong;
	int rc = walk_init(&w, p, n, out);

	if (rc == 0)
		rc = meta_read(&w, &m, out);
	free(w.seen);
	if (rc != 0)
		return say(err, err_len, "the metadata is broken:", &w);
	wrong = meta_wrong(&m);
	if (wrong != NULL) {
		snprintf(err, err_len, "the metadata is wrong: %s", wrong);
		return -1;
	}
	out->has_country = out->has_asn = false; /* of records only */
	out->node_count = (uint32_t)m.nodes;
	out->record_bits = (unsigned)m.bits;
	out->ip_version = (unsigned)m.version;
	out->build_s = m.build;
	return 0;
}

int mmdb_check(const uint8_t *p, size_t n, struct mmdb_facts *out, char *err, size_t err_len)
{
	const uint8_t *marker = find_marker(p, n);
	const char *wrong;
	struct walk w;
	size_t tree;
	int rc;

	memset(out, 0, sizeof(*out));
	if (marker == NULL) {
		snprintf(err, err_len,
			"it is no MMDB file, or not a whole one: there is no metadata at its end");
		return -1;
	}
	if (check_meta(marker + MARKER_LEN, (size_t)(p + n - marker) - MARKER_LEN, out, err,
		    err_len) != 0)
		return -1;
	tree = (size_t)out->node_count * (out->record_bits / 4);
	if (tree + GAP > (size_t)(marker - p)) {
		snprintf(err, err_len,
			"it is shorter than its search tree of %u nodes: not a whole file",
			out->node_count);
		return -1;
	}
	wrong = tree_wrong(p, out);
	if (wrong != NULL) {
		snprintf(err, err_len, "%s", wrong);
		return -1;
	}
	rc = walk_init(&w, p + tree + GAP, (size_t)(marker - p) - tree - GAP, out);
	if (rc == 0)
		rc = check_tree(&w, p, out);
	free(w.seen);
	return rc == 0 ? 0 : say(err, err_len, "the data section is broken:", &w);
}
