/*
 * sim_fault.c: fault names, their arguments and the dice.
 */
#include "sim/sim_fault.h"

#include "base/num.h"
#include "sim/sim_text.h"

static const char *const fault_name[] = {
#define X(id, name, help) name,
#include "sim/tbl/faults.h"
#undef X
};

static const char *const fault_help[] = {
#define X(id, name, help) help,
#include "sim/tbl/faults.h"
#undef X
};

const char *sim_fault_name(enum sim_fault_id id)
{
	return fault_name[id];
}

const char *sim_fault_help(enum sim_fault_id id)
{
	return fault_help[id];
}

static int fault_parse_one(struct str word, struct sim_faults *f)
{
	uint64_t arg = SIM_FAULT_NO_ARG, status;
	size_t at = str_chr(word, '@');

	if (num_parse_u64(word, &status) == 0) {
		if (status < 400 || status > 599)
			return -1;
		f->status = (uint16_t)status;
		return 0;
	}
	if (at != (size_t)-1) {
		if (sim_parse_bytes(str_skip(word, at + 1), &arg) != 0)
			return -1;
		word.n = at;
	}
	for (unsigned i = 0; i < SIM_F__MAX; i++) {
		if (!str_eq(word, str_z(fault_name[i])))
			continue;
		f->set |= 1u << i;
		f->arg[i] = arg;
		if (i == SIM_F_QUOTA)
			f->status = 429;
		return 0;
	}
	return -1;
}

int sim_fault_parse(struct str list, struct sim_faults *f, struct str *bad)
{
	struct str word;

	while (str_split(&list, ',', &word)) {
		word = str_trim(word);
		if (word.n != 0 && fault_parse_one(word, f) != 0) {
			*bad = word;
			return -1;
		}
	}
	return 0;
}

void sim_fault_format(const struct sim_faults *f, struct sim_buf *out)
{
	const char *sep = "";

	if (f->status != 0) {
		sim_buf_fmt(out, "%u", f->status);
		sep = ",";
	}
	for (unsigned i = 0; i < SIM_F__MAX; i++) {
		if ((f->set >> i & 1) == 0)
			continue;
		sim_buf_fmt(out, "%s%s", sep, fault_name[i]);
		if (f->arg[i] != SIM_FAULT_NO_ARG)
			sim_buf_fmt(out, "@%llu", (unsigned long long)f->arg[i]);
		sep = ",";
	}
}

int sim_fault_rule_parse(struct str text, struct sim_fault_rule *r)
{
	size_t colon = str_chr(text, ':');
	struct str bad;
	int64_t rate;

	*r = (struct sim_fault_rule){ 0 };
	if (colon == (size_t)-1 || num_parse_decimal(str_mk(text.p, colon), 6, &rate) != 0 ||
		rate < 0 || rate > 1000000)
		return -1;
	r->per_million = (uint32_t)rate;
	if (sim_fault_parse(str_skip(text, colon + 1), &r->faults, &bad) != 0)
		return -1;
	return r->faults.set != 0 || r->faults.status != 0 ? 0 : -1;
}

void sim_fault_draw(const struct sim_fault_rule *r, size_t n, uint64_t *rng, struct sim_faults *f)
{
	for (size_t i = 0; i < n; i++) {
		*rng += 0x9e3779b97f4a7c15u;
		if (sim_mix(*rng) % 1000000 >= r[i].per_million)
			continue;
		if (r[i].faults.status != 0)
			f->status = r[i].faults.status;
		for (unsigned k = 0; k < SIM_F__MAX; k++)
			if ((r[i].faults.set >> k & 1) != 0)
				f->arg[k] = r[i].faults.arg[k];
		f->set |= r[i].faults.set;
	}
}
