/*
 * yaml.c: libyaml's events into nodes. What is refused here, with its place: text that is not
 * UTF-8, control characters, tabs as indentation, tags, complex and duplicate keys, a second
 * document, too deep nesting, and aliases that blow up ("billion laughs": the nodes that aliases
 * stand for are counted, never copied).
 */
#include "conf/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "conf/load.h"

#define INDEX_FROM 16 /* maps smaller than this are searched linearly */

/*
 * In `{ key: ${env:NAME} }` the braces of the reference would end the value, as YAML sees it. So
 * while libyaml reads, the braces of references are two private characters, of which there are no
 * others in the text; columns stay what they were.
 */
#define BRACE_OPEN  "\xef\xa3\xb0" /* U+F8F0 */
#define BRACE_CLOSE "\xef\xa3\xb1" /* U+F8F1 */
#define IS_BRACE(c) ((c) == 0xf8f0 || (c) == 0xf8f1)

struct anchor {
	struct anchor *next;
	struct str name;
	struct conf_node *node;
};

struct reader {
	struct conf_load *l;
	yaml_parser_t parser;
	const char *file;
	struct str text;
	struct anchor *anchors;
	unsigned n_anchors, depth;
	uint32_t n_aliased;
};

int32_t conf_utf8_next(struct str *s)
{
	static const int32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s->p;
	size_t more = p[0] < 0x80 ? 0 : p[0] < 0xc2 ? 9 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	int32_t c = p[0];

	if (more > 3 || p[0] > 0xf4 || s->n <= more)
		return -1;
	if (more > 0)
		c = p[0] & (0x3f >> more);
	for (size_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*s = str_skip(*s, more + 1);
	return c;
}

bool conf_char_printable(int32_t c)
{
	if (c < 0x20 || (c > 0x7e && c < 0xa0))
		return false;
	return c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff;
}

/* libyaml would find these too, but says neither line nor column. */
static int check_bytes(struct conf_load *l, struct str text, const char *file)
{
	struct conf_pos pos = { file, 1, 1 };

	if (text.n > CONF_MAX_FILE_BYTES)
		return conf_fail(l, &pos, "the file is larger than %u MB; split it with `include:`",
			CONF_MAX_FILE_BYTES >> 20);
	while (text.n > 0) {
		int32_t c = conf_utf8_next(&text);

		if (c < 0)
			return conf_fail(l, &pos,
				"byte 0x%02x is not UTF-8; save the file as UTF-8",
				(unsigned char)text.p[0]);
		if (IS_BRACE(c) || (!conf_char_printable(c) && c != '\t' && c != '\n' && c != '\r'))
			return conf_fail(
				l, &pos, "the character U+%04X is not allowed here", (unsigned)c);
		pos.col++;
		if (c == '\n') {
			pos.line++;
			pos.col = 1;
		}
	}
	return 0;
}

/* The length of the reference that text begins with, 0 when it is none. */
static size_t reference_len(struct str text)
{
	size_t n = str_starts(text, STR("${env:")) ? 6 : str_starts(text, STR("${file:")) ? 7 : 0;

	while (n > 0 && n < text.n && text.p[n] != '}')
		n = (unsigned char)text.p[n] > ' ' && strchr("{\"',[]", text.p[n]) == NULL ? n + 1
											   : 0;
	return n < text.n ? n + (n > 0) : 0;
}

/* A malloc'd copy with the braces of references replaced; NULL when memory is exhausted. */
static char *hide_braces(struct str text, size_t *len)
{
	char *out = malloc(text.n + 1 + text.n / 7 * 4), *w = out; /* 7: "${env:}" */

	while (out != NULL && text.n > 0) {
		size_t n = reference_len(text);

		if (n == 0) {
			*w++ = text.p[0];
			text = str_skip(text, 1);
			continue;
		}
		*w++ = '$';
		w = mempcpy(w, BRACE_OPEN, 3);
		w = mempcpy(w, text.p + 2, n - 3);
		w = mempcpy(w, BRACE_CLOSE, 3);
		text = str_skip(text, n);
	}
	*len = (size_t)(w - out);
	return out;
}

/* In place; text never grows. */
static struct str show_braces(char *p, size_t n)
{
	char *w = p;

	for (size_t i = 0; i < n; i++) {
		struct str rest = str_mk(p + i, n - i);
		bool open = str_starts(rest, STR(BRACE_OPEN));

		if (open || str_starts(rest, STR(BRACE_CLOSE))) {
			*w++ = open ? '{' : '}';
			i += 2;
		} else
			*w++ = p[i];
	}
	return str_mk(p, (size_t)(w - p));
}

static struct conf_pos mark_pos(const struct reader *r, yaml_mark_t m)
{
	return (struct conf_pos){ r->file, (unsigned)m.line + 1, (unsigned)m.column + 1 };
}

static bool tab_at(const struct reader *r, const struct conf_pos *pos)
{
	struct str rest = r->text, line = STR_NONE;

	for (unsigned i = 0; i < pos->line; i++)
		if (!str_split(&rest, '\n', &line))
			return false;
	for (unsigned i = 1; i < pos->col && line.n > 0; i++)
		if (conf_utf8_next(&line) < 0)
			return false;
	return line.n > 0 && line.p[0] == '\t';
}

static int report_syntax(struct reader *r)
{
	struct conf_pos pos = mark_pos(r, r->parser.problem_mark);
	const char *problem = r->parser.problem != NULL ? r->parser.problem : "malformed";

	if (r->parser.error == YAML_MEMORY_ERROR)
		return conf_fail(r->l, &pos, "out of memory");
	if (tab_at(r, &pos))
		return conf_fail(r->l, &pos, "a tab; YAML is indented with spaces only");
	if (r->parser.context != NULL)
		return conf_fail(r->l, &pos, "YAML syntax: %s, %s that begins at line %u", problem,
			r->parser.context, (unsigned)r->parser.context_mark.line + 1);
	return conf_fail(r->l, &pos, "YAML syntax: %s", problem);
}

static int next_event(struct reader *r, yaml_event_t *ev)
{
	if (!yaml_parser_parse(&r->parser, ev))
		return report_syntax(r);
	return 0;
}

struct conf_node *conf_node_new(
	struct conf_load *l, enum conf_node_kind kind, const struct conf_pos *pos)
{
	struct conf_node *n = conf_zalloc(l, sizeof *n);

	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->pos = *pos;
	n->weight = 1;
	return n;
}

bool conf_node_empty(const struct conf_node *n)
{
	return n->kind == CONF_NODE_SCALAR && !n->quoted && n->text.n == 0;
}

static void index_put(struct conf_node *n, uint32_t item)
{
	uint64_t h = str_hash(n->v[item].key);
	uint32_t mask = n->index_cap - 1;

	for (uint32_t i = (uint32_t)h & mask;; i = (i + 1) & mask) {
		if (n->index[i] != 0)
			continue;
		n->index[i] = item + 1;
		return;
	}
}

static int grow(struct conf_load *l, struct conf_node *n)
{
	uint32_t cap = n->cap == 0 ? 4 : n->cap * 2;
	struct conf_item *v = conf_zalloc(l, cap * sizeof *v);

	if (v == NULL)
		return -1;
	if (n->n > 0)
		memcpy(v, n->v, n->n * sizeof *v);
	n->v = v;
	n->cap = cap;
	if (n->kind != CONF_NODE_MAP || cap < INDEX_FROM)
		return 0;
	n->index = conf_zalloc(l, 2 * cap * sizeof *n->index);
	if (n->index == NULL)
		return -1;
	n->index_cap = 2 * cap;
	for (uint32_t i = 0; i < n->n; i++)
		index_put(n, i);
	return 0;
}

int conf_node_add(struct conf_load *l, struct conf_node *n, const struct conf_item *it)
{
	if (n->n == n->cap && grow(l, n) != 0)
		return -1;
	n->v[n->n] = *it;
	n->weight += it->value->weight;
	if (n->index != NULL)
		index_put(n, n->n);
	n->n++;
	return 0;
}

struct conf_item *conf_node_get(const struct conf_node *map, struct str key)
{
	if (map->index == NULL) {
		for (uint32_t i = 0; i < map->n; i++)
			if (str_eq(map->v[i].key, key))
				return &map->v[i];
		return NULL;
	}
	uint32_t mask = map->index_cap - 1;
	for (uint32_t i = (uint32_t)str_hash(key) & mask; map->index[i] != 0; i = (i + 1) & mask)
		if (str_eq(map->v[map->index[i] - 1].key, key))
			return &map->v[map->index[i] - 1];
	return NULL;
}

static int keep_anchor(struct reader *r, const yaml_char_t *name, struct conf_node *node)
{
	struct anchor *a;

	if (name == NULL)
		return 0;
	if (++r->n_anchors > CONF_MAX_ANCHORS)
		return conf_fail(
			r->l, &node->pos, "more than %d anchors in one file", CONF_MAX_ANCHORS);
	a = conf_zalloc(r->l, sizeof *a);
	if (a == NULL)
		return -1;
	a->name = arena_dup(r->l->arena, str_z((const char *)name));
	a->node = node;
	a->next = r->anchors;
	r->anchors = a;
	return 0;
}

static int read_alias(struct reader *r, const yaml_event_t *ev, struct conf_node **out)
{
	struct conf_pos pos = mark_pos(r, ev->start_mark);
	struct str name = str_z((const char *)ev->data.alias.anchor);

	for (const struct anchor *a = r->anchors; a != NULL; a = a->next) {
		if (!str_eq(a->name, name))
			continue;
		r->n_aliased += a->node->weight;
		if (r->n_aliased > CONF_MAX_ALIAS_NODES)
			return conf_fail(r->l, &pos,
				"the aliases of this file stand for more than %d values; write "
				"them out",
				CONF_MAX_ALIAS_NODES);
		*out = a->node;
		return 0;
	}
	return conf_fail(r->l, &pos, "alias `*%.*s` has no anchor `&%.*s` that ends before it",
		STR_FMT(conf_clip(name)), STR_FMT(conf_clip(name)));
}

/* `!` alone only says "not plain"; any other tag asks for a type, and types are the directives'
 * business. */
static int check_tag(struct reader *r, const yaml_char_t *tag, yaml_mark_t at)
{
	struct conf_pos pos = mark_pos(r, at);

	if (tag == NULL || strcmp((const char *)tag, "!") == 0)
		return 0;
	return conf_fail(r->l, &pos,
		"the YAML tag `%.*s`: remove it, every directive knows its type",
		STR_FMT(conf_clip(str_z((const char *)tag))));
}

static int read_scalar(struct reader *r, const yaml_event_t *ev, struct conf_node **out)
{
	struct conf_pos pos = mark_pos(r, ev->start_mark);
	struct str text = show_braces((char *)ev->data.scalar.value, ev->data.scalar.length);
	struct conf_node *n;

	if (check_tag(r, ev->data.scalar.tag, ev->start_mark) != 0)
		return -1;
	n = conf_node_new(r->l, CONF_NODE_SCALAR, &pos);
	if (n == NULL)
		return -1;
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_dup(r->l->arena, text);
	if (n->text.p == NULL)
		return conf_fail(r->l, &pos, "out of memory");
	*out = n;
	return keep_anchor(r, ev->data.scalar.anchor, n);
}

static int read_event(struct reader *r, yaml_event_t *ev, struct conf_node **out);

static int read_node(struct reader *r, struct conf_node **out)
{
	yaml_event_t ev;

	if (next_event(r, &ev) != 0)
		return -1;
	return read_event(r, &ev, out);
}

/* The key of the next pair; *end when the map is over. */
static int read_key(struct reader *r, const struct conf_node *map, struct conf_item *it, bool *end)
{
	const struct conf_item *first;
	struct conf_node *key = NULL;
	yaml_event_t ev;

	if (next_event(r, &ev) != 0)
		return -1;
	it->key_pos = mark_pos(r, ev.start_mark);
	*end = ev.type == YAML_MAPPING_END_EVENT;
	if (*end || ev.type != YAML_SCALAR_EVENT) {
		bool bad = !*end;

		yaml_event_delete(&ev);
		return bad ? conf_fail(r->l, &it->key_pos, "a key must be a plain word") : 0;
	}
	if (read_event(r, &ev, &key) != 0)
		return -1;
	it->key = key->text;
	first = conf_node_get(map, it->key);
	if (first != NULL)
		return conf_fail(r->l, &it->key_pos,
			"duplicate key `%.*s`; first given at %s:%u:%u",
			STR_FMT(conf_clip(it->key)), first->key_pos.file, first->key_pos.line,
			first->key_pos.col);
	return 0;
}

static int read_map(struct reader *r, struct conf_node *map)
{
	for (;;) {
		struct conf_item it = { .key = STR_NONE };
		bool end = false;

		if (read_key(r, map, &it, &end) != 0)
			return -1;
		if (end)
			return 0;
		if (read_node(r, &it.value) != 0 || conf_node_add(r->l, map, &it) != 0)
			return -1;
	}
}

static int read_list(struct reader *r, struct conf_node *list)
{
	for (;;) {
		struct conf_item it = { .key = STR_NONE };
		yaml_event_t ev;

		if (next_event(r, &ev) != 0)
			return -1;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		it.key_pos = mark_pos(r, ev.start_mark);
		if (read_event(r, &ev, &it.value) != 0 || conf_node_add(r->l, list, &it) != 0)
			return -1;
	}
}

static int read_collection(struct reader *r, const yaml_event_t *ev, struct conf_node **out)
{
	bool map = ev->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *tag = map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
	const yaml_char_t *anchor =
		map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
	struct conf_pos pos = mark_pos(r, ev->start_mark);
	struct conf_node *n;
	int rc;

	if (check_tag(r, tag, ev->start_mark) != 0)
		return -1;
	if (r->depth == CONF_MAX_DEPTH)
		return conf_fail(r->l, &pos, "nested more than %d levels deep", CONF_MAX_DEPTH);
	n = conf_node_new(r->l, map ? CONF_NODE_MAP : CONF_NODE_LIST, &pos);
	if (n == NULL)
		return -1;
	r->depth++;
	rc = map ? read_map(r, n) : read_list(r, n);
	r->depth--;
	if (rc != 0)
		return -1;
	*out = n;
	/* only now, so that nothing can contain itself */
	return keep_anchor(r, anchor, n);
}

/* Takes the event. */
static int read_event(struct reader *r, yaml_event_t *ev, struct conf_node **out)
{
	struct conf_pos pos = mark_pos(r, ev->start_mark);
	int rc;

	switch (ev->type) {
	case YAML_SCALAR_EVENT: rc = read_scalar(r, ev, out); break;
	case YAML_ALIAS_EVENT: rc = read_alias(r, ev, out); break;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT: rc = read_collection(r, ev, out); break;
	default: rc = conf_fail(r->l, &pos, "YAML syntax: a value is missing"); break;
	}
	yaml_event_delete(ev);
	return rc;
}

/* Stream start, at most one document, stream end. */
static int read_stream(struct reader *r, struct conf_node **out)
{
	struct conf_pos pos;
	yaml_event_type_t type;
	yaml_event_t ev;

	for (;;) {
		if (next_event(r, &ev) != 0)
			return -1;
		type = ev.type;
		pos = mark_pos(r, ev.start_mark);
		yaml_event_delete(&ev);
		if (type == YAML_STREAM_END_EVENT)
			break;
		if (type != YAML_DOCUMENT_START_EVENT)
			continue; /* stream start, document end */
		if (*out != NULL)
			return conf_fail(
				r->l, &pos, "a second YAML document; a configuration is one");
		if (read_node(r, out) != 0)
			return -1;
	}
	if (*out == NULL) {
		pos = (struct conf_pos){ r->file, 1, 1 };
		*out = conf_node_new(r->l, CONF_NODE_SCALAR, &pos);
	}
	return *out != NULL ? 0 : -1;
}

int conf_yaml_parse(struct conf_load *l, struct str text, const char *file, struct conf_node **out)
{
	struct reader r = { .l = l, .file = file };
	char *hidden;
	size_t n = 0;
	int rc;

	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	r.text = text;
	*out = NULL;
	if (check_bytes(l, text, file) != 0)
		return -1;
	hidden = hide_braces(text, &n);
	if (hidden == NULL || !yaml_parser_initialize(&r.parser)) {
		free(hidden);
		return conf_fail(l, NULL, "out of memory");
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)hidden, n);
	rc = read_stream(&r, out);
	yaml_parser_delete(&r.parser);
	free(hidden);
	return rc;
}
