/*
 * label.h: names of tenants, models and targets as small numbers that stay the same over reloads,
 * for counters. Interning happens on the control thread at load; reading is free from any thread.
 */
#ifndef TG_CORE_LABEL_H
#define TG_CORE_LABEL_H

#include "base/str.h"

#define LABEL_NONE 0 /* prints as "" */

unsigned label_intern(struct str name);
struct str label_text(unsigned label);

#endif
