/*
 * load.c: files to one tree of nodes: reading, `include:` and merging; errors with their place. The
 * tree goes to build.c. Runs on the thread that loads (start, reload, tgctl).
 */
#include "conf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct conf_source {
	struct conf_source *next;
	dev_t dev;
	ino_t ino;
	const char *name;
	bool open; /* its includes are being read: including it again is a cycle */
};

static int fail_v(struct conf_load *l, const struct conf_pos *pos, const char *fmt, va_list ap)
{
	char *p = l->err->text;
	size_t cap = sizeof l->err->text;
	int n;

	if (l->failed)
		return -1;
	l->failed = true;
	if (pos != NULL && pos->file != NULL)
		n = snprintf(p, cap, "%.200s:%u:%u: ", pos->file, pos->line, pos->col);
	else
		n = snprintf(p, cap, "%.200s: ", l->name);
	tg_assert(n > 0 && (size_t)n < cap);
	vsnprintf(p + n, cap - (size_t)n, fmt, ap);
	return -1;
}

int conf_fail(struct conf_load *l, const struct conf_pos *pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_v(l, pos, fmt, ap);
	va_end(ap);
	return -1;
}

int conf_fail_at(struct conf_load *l, const void *field, const char *fmt, ...)
{
	struct conf_pos pos = conf_pos_of(l, field);
	va_list ap;

	va_start(ap, fmt);
	fail_v(l, &pos, fmt, ap);
	va_end(ap);
	return -1;
}

struct arena *conf_arena(struct conf_load *l)
{
	return l->arena;
}

int64_t conf_newest_ms(const struct conf_load *l)
{
	return l->newest_ms;
}

void *conf_zalloc(struct conf_load *l, size_t n)
{
	void *p = arena_zalloc(l->arena, n);

	if (p == NULL)
		conf_fail(l, NULL, "out of memory");
	return p;
}

struct str conf_clip(struct str s)
{
	if (s.n > 64) {
		s.n = 64;
		while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	return s;
}

/* The whole file into the arena; anything but a directory when it is the root (a pipe is fine
 * there). */
static int read_fd(
	struct conf_load *l, int fd, const char *path, const struct conf_pos *from, struct str *out)
{
	size_t cap = 65536, n = 0;
	char *buf = malloc(cap);
	ssize_t got = -1;

	while (buf != NULL && (got = read(fd, buf + n, cap - n)) > 0) {
		n += (size_t)got;
		if (n > CONF_MAX_FILE_BYTES || n < cap)
			continue; /* past the maximum: the parser says so; read no further than the
				     buffer */
		char *more = realloc(buf, cap * 2);

		if (more == NULL)
			break;
		buf = more;
		cap *= 2;
	}
	if (got < 0)
		conf_fail(l, from, "%s cannot be read: %s", path, strerror(errno));
	*out = got < 0 ? STR_NONE : arena_dup(l->arena, str_mk(buf, n));
	free(buf);
	if (out->p == NULL)
		return conf_fail(l, from, "%s cannot be read: out of memory", path);
	return 0;
}

static int push_source(
	struct conf_load *l, const struct stat *st, const char *path, const struct conf_pos *from)
{
	struct conf_source *s;

	for (s = l->sources; s != NULL; s = s->next) {
		if (s->dev != st->st_dev || s->ino != st->st_ino)
			continue;
		return conf_fail(l, from, "%s %s", path,
			s->open ? "includes itself (an include cycle)" : "is included twice");
	}
	if (++l->n_sources > CONF_MAX_FILES)
		return conf_fail(l, from, "more than %d files are included", CONF_MAX_FILES);
	s = conf_zalloc(l, sizeof *s);
	if (s == NULL)
		return -1;
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->name = path;
	s->open = true;
	l->newest_ms = TG_MAX(
		l->newest_ms, (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000);
	s->next = l->sources;
	l->sources = s;
	return 0;
}

static int read_source(
	struct conf_load *l, const char *path, const struct conf_pos *from, struct str *out)
{
	struct stat st;
	bool root = l->sources == NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | (root ? 0 : O_NONBLOCK)), rc;

	if (fd < 0)
		return conf_fail(l, from, "%s cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0)
		rc = conf_fail(l, from, "%s cannot be read: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode) || (!root && !S_ISREG(st.st_mode)))
		rc = conf_fail(l, from, "%s is not a file%s", path,
			S_ISDIR(st.st_mode) ? "; to take all files of a folder write folder/*.yaml"
					    : "");
	else
		rc = push_source(l, &st, path, from);
	if (rc == 0)
		rc = read_fd(l, fd, path, from, out);
	close(fd);
	return rc;
}

/* What the keys of a map are: directives of b, or (names) names of things described by b. */
struct keys {
	const struct conf_block *b; /* NULL: not known, texts */
	bool names;
};

static int merge_maps(struct conf_load *l, struct keys k, const struct conf_node *a,
	const struct conf_node *other, struct conf_node **out);

/* The two as one list; a value that is no list counts as a list of one. */
static int append_lists(struct conf_load *l, struct conf_item *a, const struct conf_item *other)
{
	struct conf_node *sum = conf_node_new(l, CONF_NODE_LIST, &a->value->pos);

	for (int i = 0; sum != NULL && i < 2; i++) {
		struct conf_node *n = i == 0 ? a->value : other->value;
		struct conf_item one = { .key_pos = n->pos, .value = n };
		bool list = n->kind == CONF_NODE_LIST;

		for (uint32_t k = 0; k < (list ? n->n : 1); k++)
			if (conf_node_add(l, sum, list ? &n->v[k] : &one) != 0)
				return -1;
	}
	a->value = sum;
	return sum != NULL ? 0 : -1;
}

/* Two values of one key, from different files. */
static int merge_values(
	struct conf_load *l, struct keys k, struct conf_item *a, const struct conf_item *other)
{
	const struct conf_directive *d =
		k.b != NULL && !k.names ? conf_block_find(k.b, a->key) : NULL;
	struct keys below = { d != NULL ? d->block
			      : k.names ? k.b
					: NULL,
		d != NULL && d->type == CONF_MAP };
	bool lists = a->value->kind == CONF_NODE_LIST && other->value->kind == CONF_NODE_LIST;
	bool maps = a->value->kind == CONF_NODE_MAP && other->value->kind == CONF_NODE_MAP;

	if (conf_node_empty(other->value))
		return 0;
	if (conf_node_empty(a->value)) {
		a->value = other->value;
		return 0;
	}
	if (lists || (d != NULL && (d->type == CONF_LIST || d->type == CONF_STRINGS)))
		return append_lists(l, a, other);
	if (maps)
		return merge_maps(l, below, a->value, other->value, &a->value);
	return conf_fail(l, &other->key_pos,
		"`%.*s` is given in two files; the other place is %s:%u:%u",
		STR_FMT(conf_clip(a->key)), a->key_pos.file, a->key_pos.line, a->key_pos.col);
}

/* Into a new node: either of the two may be shared by aliases. */
static int merge_maps(struct conf_load *l, struct keys k, const struct conf_node *a,
	const struct conf_node *other, struct conf_node **out)
{
	struct conf_node *sum = conf_node_new(l, CONF_NODE_MAP, &a->pos);
	struct conf_item *have;

	if (sum == NULL)
		return -1;
	for (uint32_t i = 0; i < a->n; i++)
		if (conf_node_add(l, sum, &a->v[i]) != 0)
			return -1;
	for (uint32_t i = 0; i < other->n; i++) {
		have = conf_node_get(sum, other->v[i].key);
		if (have == NULL ? conf_node_add(l, sum, &other->v[i]) != 0
				 : merge_values(l, k, have, &other->v[i]) != 0)
			return -1;
	}
	*out = sum;
	return 0;
}

static int read_tree(
	struct conf_load *l, const char *path, const struct conf_pos *from, struct conf_node **out);

/* One pattern, relative to the folder of the file that says it. */
static int include_glob(
	struct conf_load *l, const struct conf_node *pattern, struct conf_node **tree)
{
	const char *file = pattern->pos.file, *slash = strrchr(file, '/');
	bool relative = pattern->text.n > 0 && pattern->text.p[0] != '/' && slash != NULL;
	struct str full = arena_printf(l->arena, "%.*s%.*s", relative ? (int)(slash + 1 - file) : 0,
		file, STR_FMT(pattern->text));
	glob_t g = { 0 };
	int rc;

	if (full.p == NULL)
		return conf_fail(l, &pattern->pos, "out of memory");
	rc = glob(full.p, 0, NULL, &g);
	if (rc == GLOB_NOMATCH && strpbrk(full.p, "*?[") == NULL)
		rc = conf_fail(
			l, &pattern->pos, "`include`: %.*s is not there", STR_FMT(conf_clip(full)));
	else if (rc != 0 && rc != GLOB_NOMATCH)
		rc = conf_fail(l, &pattern->pos, "%.*s cannot be listed", STR_FMT(conf_clip(full)));
	else
		rc = 0;
	for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++) {
		struct str path = arena_dup(l->arena, str_z(g.gl_pathv[i]));
		struct conf_node *more = NULL;

		rc = path.p == NULL ? conf_fail(l, NULL, "out of memory")
				    : read_tree(l, path.p, &pattern->pos, &more);
		if (rc == 0 && more->kind == CONF_NODE_MAP)
			rc = merge_maps(
				l, (struct keys){ l->root_block, false }, *tree, more, tree);
	}
	globfree(&g);
	return rc;
}

/* Take `include` out of the tree and put what it names in. */
static int include_all(struct conf_load *l, struct conf_node **tree)
{
	struct conf_item *it = conf_node_get(*tree, STR("include"));
	struct conf_node *sum;

	if (it == NULL)
		return 0;
	if (l->from_text)
		return conf_fail(l, &it->key_pos, "`include` works in files only");
	if (l->include_depth == CONF_MAX_INCLUDE_DEPTH)
		return conf_fail(l, &it->key_pos, "included more than %d files deep",
			CONF_MAX_INCLUDE_DEPTH);
	sum = conf_node_new(l, CONF_NODE_MAP, &(*tree)->pos);
	for (uint32_t i = 0; i < (*tree)->n; i++) {
		if (&(*tree)->v[i] == it)
			continue;
		if (sum == NULL || conf_node_add(l, sum, &(*tree)->v[i]) != 0)
			return -1;
	}
	if (sum == NULL)
		return -1;
	*tree = sum;
	l->include_depth++;
	bool list = it->value->kind == CONF_NODE_LIST;
	for (uint32_t i = 0; i < (list ? it->value->n : 1); i++) {
		struct conf_node *pattern = list ? it->value->v[i].value : it->value;

		if (pattern->kind != CONF_NODE_SCALAR || pattern->text.n == 0)
			return conf_fail(l, &pattern->pos,
				"`include` takes file names or patterns, such as conf.d/*.yaml");
		if (include_glob(l, pattern, tree) != 0)
			return -1;
	}
	l->include_depth--;
	return 0;
}

static int check_top(struct conf_load *l, const struct conf_node *tree)
{
	if (tree->kind == CONF_NODE_MAP || conf_node_empty(tree))
		return 0;
	return conf_fail(l, &tree->pos,
		"a configuration is a map of directives (`name: value` lines), not a %s",
		tree->kind == CONF_NODE_LIST ? "list" : "text");
}

static int read_tree(
	struct conf_load *l, const char *path, const struct conf_pos *from, struct conf_node **out)
{
	struct conf_source *self;
	struct str text;

	if (read_source(l, path, from, &text) != 0)
		return -1;
	self = l->sources;
	if (conf_yaml_parse(l, text, path, out) != 0 || check_top(l, *out) != 0)
		return -1;
	if ((*out)->kind == CONF_NODE_MAP && include_all(l, out) != 0)
		return -1;
	self->open = false;
	return 0;
}

static int build_root(struct conf_load *l, const struct conf_node *tree, void *out)
{
	l->root_obj = out;
	l->root_node = tree;
	memset(out, 0, l->root_block->size);
	return conf_build(l, l->root_block, tree, out);
}

int conf_load_file(const char *path, const struct conf_block *root, struct arena *arena, void *out,
	struct conf_error *err)
{
	struct conf_load l = { .arena = arena, .err = err, .name = path, .root_block = root };
	struct str name = arena_dup(arena, str_z(path));
	struct conf_node *tree = NULL;

	if (name.p == NULL)
		return conf_fail(&l, NULL, "out of memory");
	if (read_tree(&l, name.p, NULL, &tree) != 0)
		return -1;
	return build_root(&l, tree, out);
}

int conf_load_text(struct str yaml, const char *name, const struct conf_block *root,
	struct arena *arena, void *out, struct conf_error *err)
{
	struct conf_load l = {
		.arena = arena, .err = err, .name = name, .root_block = root, .from_text = true
	};
	struct str kept = arena_dup(arena, str_z(name));
	struct conf_node *tree = NULL;

	if (kept.p == NULL)
		return conf_fail(&l, NULL, "out of memory");
	if (conf_yaml_parse(&l, yaml, kept.p, &tree) != 0 || check_top(&l, tree) != 0)
		return -1;
	if (tree->kind == CONF_NODE_MAP && include_all(&l, &tree) != 0)
		return -1;
	return build_root(&l, tree, out);
}
