/*
 * sim_fault.h: what can be made to go wrong, by request header and by rate. Pure, but for the
 * caller's random state.
 */
#ifndef TG_SIM_FAULT_H
#define TG_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim_buf.h"

enum sim_fault_id {
#define X(id, name, help) SIM_F_##id,
#include "sim/tbl/faults.h"
#undef X
	SIM_F__MAX
};

#define SIM_FAULT_NO_ARG UINT64_MAX

struct sim_faults {
	uint32_t set;             /* bit per sim_fault_id */
	uint16_t status;          /* 0: none */
	uint64_t arg[SIM_F__MAX]; /* SIM_FAULT_NO_ARG without @N; meaningful where set */
};

static inline bool sim_fault_has(const struct sim_faults *f, enum sim_fault_id id)
{
	return (f->set >> id & 1) != 0;
}

/* The argument, or `otherwise` when none was given. */
static inline uint64_t sim_fault_arg(
	const struct sim_faults *f, enum sim_fault_id id, uint64_t otherwise)
{
	return f->arg[id] != SIM_FAULT_NO_ARG ? f->arg[id] : otherwise;
}

/* Adds a comma list ("429", "reset@100", "gzip, no-usage") to *f. -1: *bad is the word not known.
 */
int sim_fault_parse(struct str list, struct sim_faults *f, struct str *bad) TG_MUST_CHECK;
/* Appends the list form; nothing when no fault is set. */
void sim_fault_format(const struct sim_faults *f, struct sim_buf *out);
const char *sim_fault_name(enum sim_fault_id id);
const char *sim_fault_help(enum sim_fault_id id);

struct sim_fault_rule { /* --fault RATE:KIND */
	uint32_t per_million;
	struct sim_faults faults;
};

int sim_fault_rule_parse(struct str text, struct sim_fault_rule *r) TG_MUST_CHECK;
/* Draws once for each rule; *rng is advanced. */
void sim_fault_draw(const struct sim_fault_rule *r, size_t n, uint64_t *rng, struct sim_faults *f);

#endif
