/*
 * plan_keys.h: tenants and their keys, built into a table over the keys' hashes.
 */
#ifndef TG_CORE_PLAN_KEYS_H
#define TG_CORE_PLAN_KEYS_H

#include "base/defs.h"

struct tg_conf;

/* Fills c->tenants and c->key_slots from c->cfg; models must be there. */
int plan_keys(struct tg_conf *c) TG_MUST_CHECK;

#endif
