/*
 * gemini_partial.c: see gemini_partial.h.
 */
#include "chat/gemini_partial.h"

#include "chat/gemini_int.h"

#define MAX_VALUES 4096
#define MAX_DEPTH  32

struct piece { /* of a string */
	struct str text;
	struct piece *next;
};

struct gemini_arg {
	struct str key; /* of an object's member, decoded; absent in lists */
	bool list;      /* its children are elements */
	struct gemini_arg *child, *last, *next;
	struct gemini_arg **sorted; /* its children: members by key, elements by index */
	unsigned n, cap;
	struct piece *piece, *last_piece; /* a string */
	struct str raw;                   /* any other scalar, as JSON */
};

void gemini_partial_init(struct gemini_partial *p)
{
	*p = (struct gemini_partial){ .root = NULL };
}

static struct gemini_arg *arg_new(struct gemini_partial *p, struct arena *a)
{
	return p->n++ < MAX_VALUES ? arena_zalloc(a, sizeof(struct gemini_arg)) : NULL;
}

static bool sorted_room(struct gemini_arg *of, struct arena *a)
{
	unsigned cap = of->cap * 2 + 4;
	struct gemini_arg **more;

	if (of->n < of->cap)
		return true;
	more = arena_alloc(a, cap * sizeof(struct gemini_arg *));
	if (more == NULL)
		return false;
	for (unsigned i = 0; i < of->n; i++)
		more[i] = of->sorted[i];
	of->sorted = more;
	of->cap = cap;
	return true;
}

/* The last of them, which stands at `at` among the sorted ones. */
static struct gemini_arg *child_new(struct gemini_partial *p, struct arena *a,
	struct gemini_arg *of, struct str key, unsigned at)
{
	struct gemini_arg *c = sorted_room(of, a) ? arg_new(p, a) : NULL;

	if (c == NULL)
		return NULL;
	c->key = key;
	if (of->last != NULL)
		of->last->next = c;
	else
		of->child = c;
	of->last = c;
	for (unsigned i = of->n++; i > at; i--)
		of->sorted[i] = of->sorted[i - 1];
	of->sorted[at] = c;
	return c;
}

static struct gemini_arg *member(
	struct gemini_partial *p, struct arena *a, struct gemini_arg *of, struct str key)
{
	unsigned low = 0, high = of->n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int c = str_cmp(of->sorted[middle]->key, key);

		if (c == 0)
			return of->sorted[middle];
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return child_new(p, a, of, key, low);
}

static struct gemini_arg *element(
	struct gemini_partial *p, struct arena *a, struct gemini_arg *of, uint64_t index)
{
	of->list = true;
	while (of->n <= index)
		if (child_new(p, a, of, STR_NONE, of->n) == NULL)
			return NULL;
	return of->sorted[index];
}

/* One step of a path off the front of *path: ".name", "['name']" or "[3]". -1: it is none. */
struct step {
	struct str key; /* absent: index */
	uint64_t index;
};

static int step_bracket(struct str *path, struct step *s)
{
	size_t end = str_chr(*path, ']');
	struct str in;

	if (end == (size_t)-1)
		return -1;
	in = str_mk(path->p + 1, end - 1);
	*path = str_skip(*path, end + 1);
	if (in.n >= 2 && (*in.p == '\'' || *in.p == '"') && in.p[in.n - 1] == *in.p) {
		s->key = str_mk(in.p + 1, in.n - 2);
		return 0;
	}
	s->key = STR_NONE;
	s->index = 0;
	if (in.n == 0 || in.n > 4)
		return -1;
	for (; in.n > 0; in = str_skip(in, 1)) {
		if (*in.p < '0' || *in.p > '9')
			return -1;
		s->index = s->index * 10 + (uint64_t)(*in.p - '0');
	}
	return 0;
}

static int step_take(struct str *path, struct step *s)
{
	size_t n = 0;

	if (*path->p == '[')
		return step_bracket(path, s);
	if (*path->p != '.')
		return -1;
	*path = str_skip(*path, 1);
	while (n < path->n && path->p[n] != '.' && path->p[n] != '[')
		n++;
	s->key = str_mk(path->p, n);
	*path = str_skip(*path, n);
	return n > 0 ? 0 : -1;
}

/* The value at a path, made where it is not yet; NULL: no such path. */
static struct gemini_arg *arg_at(struct gemini_partial *p, struct arena *a, struct str path)
{
	struct gemini_arg *at = p->root;
	struct step s;

	if (path.n == 0 || *path.p != '$')
		return NULL;
	path = str_skip(path, 1);
	for (unsigned depth = 0; path.n > 0 && at != NULL; depth++) {
		if (depth == MAX_DEPTH || step_take(&path, &s) != 0)
			return NULL;
		at = s.key.p != NULL ? member(p, a, at, s.key) : element(p, a, at, s.index);
	}
	return at;
}

static int add_text(struct gemini_arg *arg, struct arena *a, struct str jstr)
{
	struct piece *piece = arena_zalloc(a, sizeof *piece);

	if (piece == NULL)
		return -1;
	piece->text = arena_dup(a, jstr);
	if (arg->last_piece != NULL)
		arg->last_piece->next = piece;
	else
		arg->piece = piece;
	arg->last_piece = piece;
	return piece->text.p != NULL ? 0 : -1;
}

static int add_one(struct gemini_partial *p, struct arena *a, const struct json_node *n)
{
	const struct json_node *scalar = gemini_get(n, "numberValue");
	struct str path = json_jstr_decode(a, gemini_get_jstr(n, "jsonPath")),
		   text = gemini_get_jstr(n, "stringValue");
	struct gemini_arg *arg;

	/* The keys must outlast the chunk, also where there was nothing to decode. */
	path = arena_dup(a, path);
	if (path.p == NULL)
		return -1;
	arg = arg_at(p, a, path);
	if (arg == NULL)
		return -1;
	if (text.p != NULL)
		return add_text(arg, a, text);
	if (scalar == NULL)
		scalar = gemini_get(n, "boolValue");
	arg->raw = scalar != NULL ? arena_dup(a, scalar->raw) : STR("null");
	return arg->raw.p != NULL ? 0 : -1;
}

int gemini_partial_add(struct gemini_partial *p, struct arena *a, const struct json_node *list)
{
	if (p->root == NULL)
		p->root = arg_new(p, a);
	if (p->root == NULL)
		return -1;
	json_each(n, list) if (n->type == JSON_OBJECT && add_one(p, a, n) != 0) return -1;
	return 0;
}

/* Depth is bounded by that of the paths. */
static void put(struct json_out *o, const struct gemini_arg *arg)
{
	if (arg->piece != NULL) {
		jo_str_begin(o);
		for (const struct piece *p = arg->piece; p != NULL; p = p->next)
			jo_piece(o, p->text);
		jo_str_end(o);
	} else if (arg->raw.n > 0) {
		jo_raw(o, arg->raw);
	} else if (arg->list) {
		jo_arr(o);
		for (const struct gemini_arg *c = arg->child; c != NULL; c = c->next)
			put(o, c);
		jo_arr_end(o);
	} else if (arg->child != NULL) {
		jo_obj(o);
		for (const struct gemini_arg *c = arg->child; c != NULL; c = c->next) {
			jo_text(o, c->key);
			jo_lit(o, ":");
			put(o, c);
		}
		jo_obj_end(o);
	} else { /* an element that was passed over */
		jo_null(o);
	}
}

struct str gemini_partial_json(const struct gemini_partial *p, struct chat_context *cx)
{
	struct json_out o;
	char *text;

	/* Whatever the paths say, arguments are an object. */
	if (p->root == NULL || p->root->child == NULL || p->root->list)
		return STR("{}");
	jo_init(&o, NULL, 0);
	put(&o, p->root);
	text = chat_new(cx, o.n + 1);
	if (text == NULL)
		return STR_NONE;
	jo_init(&o, text, o.n + 1);
	put(&o, p->root);
	return str_mk(text, o.n);
}
