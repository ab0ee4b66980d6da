/*
 * changed.c: which of the directives that are read at the start (CONF_AT_START) are another in a
 * second configuration. Runs on the thread that loads.
 */
#include "conf/load.h"
#include "conf/types.h"

struct search {
	void (*on_changed)(const char *path);
	char path[128]; /* "ledger." */
};

static bool same(const struct conf_directive *d, const void *a, const void *b)
{
	char was[CONF_TYPE_WRITE_LEN], now[CONF_TYPE_WRITE_LEN];

	if (d->type == CONF_STRING)
		return str_eq(*(const struct str *)a, *(const struct str *)b);
	conf_type_write(d, a, was); /* asserts that it is a scalar */
	conf_type_write(d, b, now);
	return strcmp(was, now) == 0;
}

static void look(struct search *s, const struct conf_block *b, const char *was, const char *now)
{
	size_t n = strlen(s->path);

	for (const struct conf_directive *d = b->directives; d->name != NULL; d++) {
		if (d->type != CONF_BLOCK && (d->flags & CONF_AT_START) == 0)
			continue;
		snprintf(s->path + n, sizeof s->path - n, "%s%s", d->name,
			d->type == CONF_BLOCK ? "." : "");
		if (d->type == CONF_BLOCK)
			look(s, d->block, was + d->offset, now + d->offset);
		else if (!same(d, was + d->offset, now + d->offset))
			s->on_changed(s->path);
		s->path[n] = '\0';
	}
}

void conf_changed_at_start(const struct conf_block *root, const void *was, const void *now,
	void (*on_changed)(const char *path))
{
	struct search s = { .on_changed = on_changed };

	look(&s, root, was, now);
}
