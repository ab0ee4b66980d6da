/*
 * reference.c: the reference page in Markdown: a section per block, a row per directive.
 */
#include "conf/load.h"
#include "conf/types.h"

#define MAX_SECTIONS 64
#define PATH_MAX_LEN 96

struct section {
	const struct conf_block *block;
	char path[PATH_MAX_LEN]; /* tenants.NAME.keys[] */
};

struct page {
	FILE *f;
	struct section sections[MAX_SECTIONS];
	size_t n;
};

static void collect(struct page *p, const struct conf_block *b, const char *path)
{
	struct section *s;

	for (size_t i = 0; i < p->n; i++)
		if (p->sections[i].block == b)
			return;
	tg_assert(p->n < MAX_SECTIONS);
	s = &p->sections[p->n++];
	s->block = b;
	snprintf(s->path, sizeof s->path, "%s", path);
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++) {
		char below[PATH_MAX_LEN];

		if (d->block == NULL)
			continue;
		snprintf(below, sizeof below, "%.64s%s%.20s%s", path, path[0] != '\0' ? "." : "",
			d->name,
			d->type == CONF_MAP    ? ".NAME"
			: d->type == CONF_LIST ? "[]"
					       : "");
		collect(p, d->block, below);
	}
}

/* In a table cell: a bar would end it. */
static void put_cell(FILE *f, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '|')
			putc('\\', f);
		putc(*s, f);
	}
}

static const struct section *section_of(const struct page *p, const struct conf_block *b)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->sections[i].block == b)
			return &p->sections[i];
	return NULL;
}

/* GitHub's anchors: lower case, without punctuation. */
static void put_anchor(FILE *f, const char *path)
{
	for (; *path != '\0'; path++) {
		if (*path >= 'A' && *path <= 'Z')
			putc(*path | 0x20, f);
		else if (strchr(".[]", *path) == NULL)
			putc(*path, f);
	}
}

static void put_row(const struct page *p, const struct conf_directive *d)
{
	const struct section *below = d->block != NULL ? section_of(p, d->block) : NULL;
	struct conf_why expect;

	conf_type_expect(d, &expect);
	fprintf(p->f, "| `%s` | ", d->name);
	put_cell(p->f, expect.text);
	if (below != NULL) {
		fprintf(p->f, ": [%s](#", below->path);
		put_anchor(p->f, below->path);
		putc(')', p->f);
	}
	fputs(" | ", p->f);
	if ((d->flags & CONF_REQUIRED) != 0)
		fputs("required", p->f);
	else if (d->def != NULL) {
		putc('`', p->f);
		put_cell(p->f, d->def);
		putc('`', p->f);
	}
	fputs(" | ", p->f);
	put_cell(p->f, d->help);
	if ((d->flags & CONF_AT_START) != 0)
		fputs(" *Read at the start.*", p->f);
	fputs(" |\n", p->f);
}

static void put_section(const struct page *p, const struct section *s)
{
	if (s->path[0] != '\0')
		fprintf(p->f, "\n## %s\n", s->path);
	else
		fputs("\n## Top level\n", p->f);
	fprintf(p->f, "\n%s\n\n| directive | value | default | meaning |\n|---|---|---|---|\n",
		s->block->help);
	if (s->path[0] == '\0')
		fputs("| `include` | a list of texts |  | Files to merge in: names or patterns "
		      "such as "
		      "`conf.d/*.yaml`, relative to the file that says it; absent: none. |\n",
			p->f);
	for (const struct conf_directive *d = s->block->directives; d->name != NULL; d++)
		put_row(p, d);
}

static const char intro[] =
	"<!-- Generated from the directive tables; change them, not this page. -->\n"
	"# Configuration reference\n"
	"\n"
	"The configuration is one YAML file (UTF-8, at most 8 MB), with other files merged in by "
	"`include`. It is\n"
	"strict: an unknown directive, a wrong value, a dangling reference or an unsafe "
	"combination is an error with\n"
	"its file, line and column, and nothing starts half-configured.\n"
	"\n"
	"- The directive says what a value means; YAML's own guesses do not count (`no`, `1e3` and "
	"`12:30` are texts\n"
	"  where a text is wanted).\n"
	"- A list of one may be written without the list. Where a list holds blocks, a single text "
	"fills the block's\n"
	"  first directive: `targets: openai` is `targets: [ { target: openai } ]`.\n"
	"- Durations: `50ms 10s 5m 1h 1d`. Sizes: `512 64k 8m 1g`, in powers of 1024. Money: `0.50 "
	"usd`, exact, with\n"
	"  at most 12 digits after the point. Percentages: `15%` or `12.5%`. Dates: `2027-01-31` "
	"(midnight UTC) or\n"
	"  RFC 3339.\n"
	"- Secrets may be given as `${env:NAME}` or `${file:/path}` (one newline at the file's end "
	"is dropped). Only\n"
	"  directives marked *secret* take these, and their values are never printed.\n"
	"- Files that are included: maps are merged name by name, lists are appended, and a value "
	"that two files give\n"
	"  is an error that names both places. A pattern may match nothing; a plain file name must "
	"exist.\n"
	"- A reload (SIGHUP) takes up every directive but those marked *read at the start*: these "
	"need a restart, and a\n"
	"  reload that finds another value warns.\n"
	"- A directive whose `default` is empty is absent by default; its meaning says what that "
	"is. A number outside of\n"
	"  its bounds is an error; none is cut down to fit.\n"
	"- Anchors and aliases (`&name`, `*name`) work; YAML tags (`!!int`) and merge keys (`<<`) "
	"do not.\n";

void conf_reference(FILE *f, const struct conf_block *root)
{
	struct page p = { .f = f };

	collect(&p, root, "");
	fputs(intro, f);
	for (size_t i = 0; i < p.n; i++)
		put_section(&p, &p.sections[i]);
}
