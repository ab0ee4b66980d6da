/*
 * pairs.h: the golden translations of t/unit/chat/pairs, read: check_pairs.c says what they look
 * like, and modules/check_mod_translate.c feeds the streams among them in pieces.
 */
#ifndef TG_UNIT_CHAT_PAIRS_H
#define TG_UNIT_CHAT_PAIRS_H

#include <glob.h>

#include "chat_unit.h"

#define PAIR_TARGETS 12

struct pair_target {
	struct str to, model, unsupported, fails, text;
};

struct saying {
	char path[1024], *file;
	struct str what, from, status, in;
	struct pair_target target[PAIR_TARGETS];
	unsigned n;
};

static inline const struct chat_codec *pair_codec(struct str name)
{
	for (size_t i = 0; i < SHAPE__MAX; i++)
		if (chat_codecs[i] != NULL && str_eq(str_z(chat_codecs[i]->name), name))
			return chat_codecs[i];
	ck_abort_msg("no codec is called %.*s", STR_FMT(name));
	return NULL;
}

static inline struct str pair_word(struct str *line)
{
	struct str w = STR_NONE;

	(void)str_split(line, ' ', &w);
	return w;
}

static inline bool pair_note(struct str line, struct str prefix, struct str *out)
{
	if (!str_starts(line, prefix))
		return false;
	*out = str_skip(line, prefix.n);
	return true;
}

/* The text from `from` up to where `rest` begins. */
static inline struct str pair_between(const char *from, const char *to)
{
	return str_mk(from, from < to ? (size_t)(to - from) : 0);
}

static inline void pair_read(struct saying *s, const char *path)
{
	struct str rest, line;
	const char *from;
	struct pair_target *t = NULL;

	memset(s, 0, sizeof *s);
	snprintf(s->path, sizeof s->path, "%s", path);
	s->file = chat_unit_file(path);
	ck_assert_ptr_nonnull(s->file);
	rest = str_z(s->file);
	ck_assert(str_split(&rest, '\n', &line));
	s->what = pair_word(&line);
	s->from = pair_word(&line);
	s->status = line;
	from = rest.p;
	while (str_split(&rest, '\n', &line)) {
		if (t != NULL && (pair_note(line, STR("--- unsupported: "), &t->unsupported) ||
					 pair_note(line, STR("--- fails: "), &t->fails))) {
			from = rest.p;
			continue;
		}
		if (!str_starts(line, STR("=== ")))
			continue;
		*(t != NULL ? &t->text : &s->in) = pair_between(from, line.p);
		ck_assert_uint_lt(s->n, PAIR_TARGETS);
		t = &s->target[s->n++];
		line = str_skip(line, 4);
		t->to = pair_word(&line);
		t->model = line;
		from = rest.p;
	}
	ck_assert_msg(t != NULL, "%s: no target", path);
	t->text = pair_between(from, s->file + strlen(s->file));
}

/* The files whose names begin so; at least one. */
static inline void pairs_find(glob_t *found, const char *begin)
{
	const char *src = getenv("TG_SRCDIR");
	char pattern[1024];

	snprintf(pattern, sizeof pattern, "%s/t/unit/chat/pairs/%s*.txt", src != NULL ? src : ".",
		begin);
	if (glob(pattern, 0, NULL, found) != 0)
		found->gl_pathc = 0;
}

#endif
