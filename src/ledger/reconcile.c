/*
 * reconcile.c: the ledger's side of a comparison, and what differs (reconcile.h).
 */
#include "ledger/reconcile.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "ledger/report.h"

#define HOURS_A_DAY 24
#define PPM         1000000

const char *reconcile_figure_name(enum reconcile_figure f)
{
	static const char *const names[] = {
#define X(id, name) name,
		RECONCILE_FIGURES(X)
#undef X
	};

	tg_assert((unsigned)f < RECONCILE__FIGURES);
	return names[f];
}

void reconcile_init(struct reconcile *r)
{
	*r = (struct reconcile){ .n_rows = 0 };
	arena_init(&r->arena, NULL, 0);
	map_init(&r->by_name);
}

void reconcile_fini(struct reconcile *r)
{
	map_fini(&r->by_name);
	arena_fini(&r->arena);
}

struct reconcile_row *reconcile_row(struct reconcile *r, int64_t day, struct str model)
{
	struct str name = arena_printf(&r->arena, "%lld %.*s", (long long)day, STR_FMT(model));
	struct reconcile_row *row = map_get(&r->by_name, name);

	if (row != NULL)
		return row;
	row = arena_zalloc(&r->arena, sizeof *row);
	tg_assert(row != NULL && map_put(&r->by_name, name, row));
	row->day = day;
	row->model = arena_dup(&r->arena, model);
	row->next = r->rows;
	r->rows = row;
	if (r->n_rows++ == 0) {
		r->from_day = day;
		r->to_day = day + 1;
	}
	r->from_day = TG_MIN(r->from_day, day);
	r->to_day = TG_MAX(r->to_day, day + 1);
	return row;
}

static bool is_wanted(const struct reconcile_options *opt, struct str target)
{
	if (opt->targets == NULL)
		return true;
	for (const char *const *t = opt->targets; *t != NULL; t++)
		if (str_eq(target, str_z(*t)))
			return true;
	return false;
}

static void add_ours(struct reconcile *r, const struct report_row *row)
{
	struct reconcile_row *to = reconcile_row(r, row->key.hour / HOURS_A_DAY, row->key.model);
	const struct rollup_value *v = &row->value;
	struct usage u = { .source = USAGE_PROVIDER };

	memcpy(u.n, v->units, sizeof u.n);
	to->in_ours = true;
	/* errors are not in a provider's usage */
	to->ours[RECONCILE_REQUESTS] += v->requests - v->failed;
	to->ours[RECONCILE_INPUT] += usage_input(&u);
	to->ours[RECONCILE_OUTPUT] += usage_output(&u);
	to->ours[RECONCILE_COST] += v->contracted;
}

static bool differs(pico_sum a, pico_sum b, uint64_t ppm)
{
	pico_sum more = TG_MAX(a, b), less = TG_MIN(a, b);

	return (more - less) * PPM > more * (pico_sum)ppm;
}

static void compare(struct reconcile *r, uint64_t ppm)
{
	r->n_differ = 0;
	for (struct reconcile_row *row = r->rows; row != NULL; row = row->next) {
		bool any = false;

		for (unsigned f = 0; f < RECONCILE__FIGURES; f++) {
			row->differs[f] = r->known[f] && differs(row->ours[f], row->theirs[f], ppm);
			any = any || row->differs[f];
		}
		r->n_differ += any;
	}
}

int reconcile_run(struct reconcile *r, const char *ledger, const struct reconcile_options *opt,
	char *err, size_t err_len)
{
	struct report_query q = { .by = REPORT_BY_DAY | REPORT_BY_MODEL | REPORT_BY_TARGET,
		.from_hour = r->from_day * HOURS_A_DAY,
		.to_hour = r->to_day * HOURS_A_DAY };
	struct report report;

	if (r->n_more > 0 && r->n_more == r->n_pages) {
		snprintf(err, err_len,
			"the provider's answer goes on (has_more): ask for the other pages too and "
			"name all of the files");
		return -1;
	}
	if (opt->targets == NULL && opt->provider != NULL) {
		q.filter[0] = (struct report_filter){ .what = REPORT_BY_PROVIDER,
			.value = str_z(opt->provider) };
		q.n_filters = 1;
	}
	if (report_run(ledger, &q, &report, err, err_len) != 0)
		return -1;
	for (size_t i = 0; i < report.n_rows; i++) {
		const struct rollup_value *v = &report.rows[i]->value;

		/* what nothing was asked of, and errors that cost nothing, no provider lists */
		if (is_wanted(opt, report.rows[i]->key.target) &&
			(v->requests > v->failed || v->contracted > 0))
			add_ours(r, report.rows[i]);
	}
	report_free(&report);
	compare(r, opt->tolerance_ppm);
	return 0;
}

static int row_cmp(const void *a, const void *b)
{
	const struct reconcile_row *x = *(struct reconcile_row *const *)a;
	const struct reconcile_row *y = *(struct reconcile_row *const *)b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return str_cmp(x->model, y->model);
}

void reconcile_sort(struct reconcile *r)
{
	struct reconcile_row **v = calloc(r->n_rows + 1, sizeof(struct reconcile_row *));
	size_t n = 0;

	tg_assert(v != NULL);
	for (struct reconcile_row *row = r->rows; row != NULL; row = row->next)
		v[n++] = row;
	if (n > 0)
		qsort(v, n, sizeof(struct reconcile_row *), row_cmp);
	for (size_t i = 0; i < n; i++)
		v[i]->next = v[i + 1];
	r->rows = v[0];
	free(v);
}
