/*
 * prices_view.h: price books on standard output, as tables or JSON. tgctl.
 */
#ifndef TG_CTL_PRICES_VIEW_H
#define TG_CTL_PRICES_VIEW_H

#include "money/pricebook.h"

struct view_filter {
	const char *provider; /* NULL: all */
	const char *model; /* list, diff: a part of its name; show, history: what is looked for */
};

void view_list(const struct pricebook *b, const struct view_filter *f, bool json);
/* The number of prices found. */
size_t view_show(const struct pricebook *b, const struct view_filter *f, bool json);
size_t view_history(const struct pricebook *b, const struct view_filter *f, bool json);
void view_diff(const struct pricebook *old, const struct pricebook *new,
	const struct view_filter *f, bool json);

#endif
