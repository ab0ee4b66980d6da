/*
 * table.c: widths, then the rows (table.h).
 */
#include "ctl/table.h"

#include "base/num.h"

void table_init(struct table *t)
{
	*t = (struct table){ .n_columns = 0 };
	arena_init(&t->arena, NULL, 0);
}

void table_fini(struct table *t)
{
	arena_fini(&t->arena);
}

static struct table_row *row_new(struct table *t)
{
	struct table_row *row =
		arena_zalloc(&t->arena, sizeof *row + TABLE_COLUMNS_MAX * sizeof(struct str));

	tg_assert(row != NULL);
	if (t->first == NULL)
		t->last = &t->first;
	*t->last = row;
	t->last = &row->next;
	return row;
}

void table_column(struct table *t, const char *title, enum table_align align)
{
	tg_assert(t->n_columns < TABLE_COLUMNS_MAX && (t->first == NULL || t->first->next == NULL));
	if (t->first == NULL)
		row_new(t);
	t->align[t->n_columns] = align;
	t->first->cell[t->n_columns++] = str_z(title);
}

void table_cell(struct table *t, struct str text)
{
	struct str copy = arena_dup(&t->arena, text.n > 0 ? text : STR("-"));
	char *p = (char *)(uintptr_t)copy.p;

	tg_assert(p != NULL && t->n_columns > 0);
	for (size_t i = 0; i < copy.n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			p[i] = '?';
	if (t->filled == 0)
		t->row = row_new(t);
	t->row->cell[t->filled] = copy;
	t->filled = (t->filled + 1) % t->n_columns;
}

void table_cell_u64(struct table *t, uint64_t v)
{
	char text[NUM_U64_MAX_LEN];

	table_cell(t, str_mk(text, num_put_u64(text, v)));
}

void table_line(struct table *t)
{
	tg_assert(t->filled == 0);
	row_new(t)->line = true;
}

/* Characters, as far as UTF-8 tells. */
static size_t width_of(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static size_t fraction_of(struct str s)
{
	size_t at = str_chr(s, '.');

	return at != (size_t)-1 ? s.n - at - 1 : 0;
}

#define FRACTION_MIN 2 /* cents */

struct widths {
	size_t all[TABLE_COLUMNS_MAX], fraction[TABLE_COLUMNS_MAX];
};

static bool is_point(const struct table *t, const struct table_row *row, unsigned c)
{
	return t->align[c] == TABLE_POINT && row != t->first && !str_eq(row->cell[c], STR("-"));
}

/* Without its fraction, but with the column's. */
static size_t cell_width(
	const struct table *t, const struct table_row *row, unsigned c, const struct widths *w)
{
	size_t fraction = fraction_of(row->cell[c]), n = width_of(row->cell[c]);

	if (!is_point(t, row, c))
		return n;
	return n - fraction - (fraction > 0) + 1 + w->fraction[c];
}

static void measure(const struct table *t, struct widths *w)
{
	for (unsigned c = 0; c < t->n_columns; c++) {
		w->all[c] = 0;
		w->fraction[c] = FRACTION_MIN;
		for (const struct table_row *row = t->first; row != NULL; row = row->next)
			if (!row->line && is_point(t, row, c))
				w->fraction[c] = TG_MAX(w->fraction[c], fraction_of(row->cell[c]));
		for (const struct table_row *row = t->first; row != NULL; row = row->next)
			if (!row->line)
				w->all[c] = TG_MAX(w->all[c], cell_width(t, row, c, w));
	}
}

static void pad(FILE *f, size_t n, char c)
{
	for (; n > 0; n--)
		putc(c, f);
}

static void print_cell(const struct table *t, const struct table_row *row, unsigned c,
	const struct widths *w, FILE *f)
{
	struct str s = row->cell[c];
	size_t space = w->all[c] - cell_width(t, row, c, w);

	if (t->align[c] != TABLE_LEFT)
		pad(f, space, ' ');
	fwrite(s.p, 1, s.n, f);
	if (is_point(t, row, c)) {
		if (fraction_of(s) == 0)
			putc('.', f);
		pad(f, w->fraction[c] - fraction_of(s), '0');
	}
	if (t->align[c] == TABLE_LEFT && c + 1 < t->n_columns)
		pad(f, space, ' ');
}

void table_print(struct table *t, FILE *f)
{
	struct widths w;
	size_t all = 0;

	tg_assert(t->filled == 0);
	measure(t, &w);
	for (unsigned c = 0; c < t->n_columns; c++)
		all += w.all[c] + (c > 0 ? 2 : 0);
	for (const struct table_row *row = t->first; row != NULL; row = row->next) {
		if (row->line)
			pad(f, all, '-');
		for (unsigned c = 0; c < t->n_columns && !row->line; c++) {
			if (c > 0)
				fputs("  ", f);
			print_cell(t, row, c, &w, f);
		}
		putc('\n', f);
	}
}
