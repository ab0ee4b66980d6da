/*
 * capability.c: see capability.h.
 */
#include "money/capability.h"

#include "base/defs.h"

const char *const capability_words[CAPABILITY__MAX + 1] = {
#define X(id, word, litellm, needs) word,
#include "money/tbl/capabilities.h"
#undef X
};

static const struct {
	const char *litellm, *needs;
} rows[CAPABILITY__MAX] = {
#define X(id, word, litellm, needs) { litellm, needs },
#include "money/tbl/capabilities.h"
#undef X
};

const char *capability_word(enum capability c)
{
	tg_assert((unsigned)c < CAPABILITY__MAX);
	return capability_words[c];
}

enum capability capability_of(struct str word)
{
	unsigned c = 0;

	while (c < CAPABILITY__MAX && !str_eq(word, str_z(capability_words[c])))
		c++;
	return (enum capability)c;
}

const char *capability_litellm(enum capability c)
{
	tg_assert((unsigned)c < CAPABILITY__MAX);
	return rows[c].litellm;
}

const char *capability_needed_by(enum capability c)
{
	tg_assert((unsigned)c < CAPABILITY__MAX);
	return rows[c].needs;
}
