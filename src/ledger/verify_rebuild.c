/*
 * verify_rebuild.c: days' files anew from the journal (verify.h). The rollup's code does it; this
 * decides which days.
 */
#include <stdio.h>
#include <unistd.h>

#include "ledger/rollup_int.h"
#include "ledger/verify.h"

int verify_rebuild(const char *ledger, const struct verify *v, bool salvage, unsigned *made,
	char *err, size_t err_len)
{
	struct rollup *r;
	char rollup[512], journal[512], why[768];
	int rc, lock = journal_lock(ledger, err, err_len);

	*made = 0;
	if (lock < 0)
		return -1;
	r = rollup_new(SIZE_MAX / 2);
	snprintf(rollup, sizeof rollup, "%s/rollup", ledger);
	snprintf(journal, sizeof journal, "%s/journal", ledger);
	rc = rollup_open(r, rollup, err, err_len);
	if (rc == 0)
		rc = rollup_replay(r, journal, salvage, err, err_len);
	if (rc == 0 && err_len > 0)
		err[0] = '\0';
	for (size_t i = 0; rc == 0 && i < v->n_days; i++) {
		const struct verify_day *d = &v->days[i];

		if (d->ok)
			continue;
		if (rollup_rebuild(r, journal, d->day, salvage, why, sizeof why) == 0)
			(*made)++;
		else if (err[0] == '\0')
			snprintf(err, err_len, "%s", why);
	}
	if (rc == 0 && rollup_flush(r, why, sizeof why) != 0 && err[0] == '\0')
		snprintf(err, err_len, "%s", why);
	rollup_free(r);
	close(lock);
	return rc == 0 && err[0] == '\0' ? 0 : -1;
}
