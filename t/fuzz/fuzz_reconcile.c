/*
 * fuzz_reconcile.c: any bytes as a provider's usage file: an error with a text, or rows of days and
 * models. The first byte chooses the format.
 */
#include <stdlib.h>

#include "ledger/reconcile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reconcile r;
	char err[512] = "";
	size_t n = 0;
	int rc;

	if (size == 0)
		return 0;
	reconcile_init(&r);
	rc = reconcile_parse(&r, str_mk((const char *)data + 1, size - 1), "fuzz",
		(enum reconcile_format)(data[0] % 4), err, sizeof err);
	require(rc == 0 || err[0] != '\0');
	reconcile_sort(&r);
	for (const struct reconcile_row *row = r.rows; row != NULL; row = row->next) {
		n++;
		require(row->model.n > 0 && row->in_theirs);
		require(row->day >= r.from_day && row->day < r.to_day);
		for (unsigned f = 0; f < RECONCILE__FIGURES; f++)
			require(row->theirs[f] >= 0);
		require(row->next == NULL || row->day <= row->next->day);
	}
	require(n == r.n_rows);
	reconcile_fini(&r);
	return 0;
}
