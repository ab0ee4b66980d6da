/*
 * choice_int.h: what the files that put a choice in words share. Not for others.
 */
#ifndef TG_CORE_CHOICE_INT_H
#define TG_CORE_CHOICE_INT_H

#include "core/choice.h"

struct choice_line { /* a header's, of CHOICE_TEXT_MAX; what does not fit is left out */
	char *p;
	size_t n;
};

void choice_say(struct choice_line *l, const char *fmt, ...) TG_PRINTF(2, 3);

/* Where a row's figures come from, and how old they are: " seen 12 here 2 s ago". */
void choice_say_known(
	struct choice_line *l, const struct choice_ask *a, const struct choice_row *r);
/* The same as ,"known":{...}. */
void choice_put_known(struct outbuf *b, const struct choice_ask *a, const struct choice_row *r);

/* What else would become of the request: the canary that it is not part of, a second try. */
void choice_say_canary(struct choice_line *l, const struct choice_ask *a);
void choice_say_hedge(struct choice_line *l, const struct choice_ask *a, const struct choice *c);
/* ,"canaries":[...],"hedge":{...},"shadows":[...], as far as the configuration has some. */
void choice_put_beside(struct outbuf *b, const struct choice_ask *a, const struct choice *c);

#endif
