/*
 * schema.c: the tables as JSON Schema (draft 2020-12) for editors. A scalar of ours may look like
 * another type to a YAML editor (`member: 7`), so texts also admit numbers and booleans.
 */
#include "conf/load.h"
#include "conf/types.h"

#define MAX_BLOCKS 64

struct writer {
	FILE *f;
	const struct conf_block *blocks[MAX_BLOCKS];
	size_t n_blocks;
};

static void put_string(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20) {
			fprintf(f, "\\u%04x", (unsigned)*s);
			continue;
		}
		if (*s == '"' || *s == '\\')
			putc('\\', f);
		putc(*s, f);
	}
	putc('"', f);
}

/* Every block once, in the order of first use. */
static void collect(struct writer *w, const struct conf_block *b)
{
	for (size_t i = 0; i < w->n_blocks; i++)
		if (w->blocks[i] == b)
			return;
	tg_assert(w->n_blocks < MAX_BLOCKS);
	w->blocks[w->n_blocks++] = b;
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++)
		if (d->block != NULL)
			collect(w, d->block);
}

static void put_ref(struct writer *w, const struct conf_block *b)
{
	fputs("{ \"$ref\": \"#/$defs/", w->f);
	for (const char *p = b->name; *p != '\0'; p++)
		putc(*p == ' ' ? '-' : *p, w->f);
	fputs("\" }", w->f);
}

#define TEXT "{ \"type\": [\"string\", \"number\", \"boolean\"] }"

/* What is JSON by itself: the type and its limits, without braces. */
static const char *const scalars[] = {
	[CONF_BOOL] =
		"\"enum\": [true, false, \"true\", \"false\", \"on\", \"off\", \"yes\", \"no\"]",
	[CONF_SIZE] = "\"type\": [\"string\", \"integer\"], \"minimum\": 0, \"pattern\": "
		      "\"^[0-9]+[kKmMgGtT]?$\"",
	[CONF_DURATION] = "\"type\": [\"string\", \"integer\"], \"maximum\": 0, \"minimum\": 0, "
			  "\"pattern\": \"^([0-9]+(us|ms|s|m|h|d)|0)$\"",
	[CONF_STRING] = "\"type\": [\"string\", \"number\", \"boolean\"]",
	[CONF_SECRET] = "\"type\": [\"string\", \"number\"]",
	[CONF_MONEY] =
		"\"type\": \"string\", \"pattern\": \"^-?[0-9]+([.][0-9]{1,12})? [uU][sS][dD]$\"",
	[CONF_PERCENT] = "\"type\": \"string\", \"pattern\": \"^-?[0-9]+([.][0-9]{1,2})?%$\"",
	[CONF_DATE] =
		"\"type\": \"string\", \"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$\"",
	[CONF_SHA256] = "\"type\": \"string\", \"pattern\": \"^[0-9A-Fa-f]{64}$\"",
	[CONF_STRINGS] =
		"\"anyOf\": [ { \"type\": [\"array\", \"null\"], \"items\": " TEXT " }, " TEXT " ]",
	[CONF_TAGS] = "\"type\": [\"object\", \"null\"], \"additionalProperties\": " TEXT,
};

#define TAGS_WITH_LISTS                                                                    \
	"\"type\": [\"object\", \"null\"], \"additionalProperties\": { \"anyOf\": [ " TEXT \
	", { \"type\": \"array\", \"items\": " TEXT " } ] }"

static void put_int(struct writer *w, const struct conf_directive *d)
{
	bool may_auto = (d->flags & CONF_ALLOW_AUTO) != 0;

	if (may_auto)
		fputs("\"anyOf\": [ { \"const\": \"auto\" }, { ", w->f);
	fputs("\"type\": \"integer\"", w->f);
	if (d->min != 0 || d->max != 0) {
		fprintf(w->f, ", \"minimum\": %lld", (long long)d->min);
		if (d->max != INT64_MAX)
			fprintf(w->f, ", \"maximum\": %lld", (long long)d->max);
	}
	if (may_auto)
		fputs(" } ]", w->f);
}

static void put_type(struct writer *w, const struct conf_directive *d)
{
	switch (d->type) {
	case CONF_INT: put_int(w, d); return;
	case CONF_ENUM:
		fputs("\"enum\": [", w->f);
		for (int i = 0; d->words[i] != NULL; i++) {
			fputs(i > 0 ? ", " : "", w->f);
			put_string(w->f, d->words[i]);
		}
		putc(']', w->f);
		return;
	case CONF_BLOCK:
		fputs("\"anyOf\": [ ", w->f);
		put_ref(w, d->block);
		fputs(", { \"type\": \"null\" } ]", w->f);
		return;
	case CONF_LIST:
		fputs("\"anyOf\": [ { \"type\": [\"array\", \"null\"], \"items\": { \"anyOf\": [ ",
			w->f);
		put_ref(w, d->block);
		fputs(", { \"type\": [\"string\", \"number\"] } ] } }, ", w->f);
		put_ref(w, d->block);
		fputs(", { \"type\": [\"string\", \"number\"] } ]", w->f);
		return;
	case CONF_MAP:
		fputs("\"type\": [\"object\", \"null\"], \"additionalProperties\": { \"anyOf\": [ ",
			w->f);
		put_ref(w, d->block);
		fputs(", { \"type\": \"null\" } ] }", w->f);
		return;
	case CONF_TAGS:
		fputs((d->flags & CONF_TAG_LISTS) != 0 ? TAGS_WITH_LISTS : scalars[d->type], w->f);
		return;
	default: fputs(scalars[d->type], w->f); return;
	}
}

static void put_default(struct writer *w, const struct conf_directive *d)
{
	bool json = d->type == CONF_BOOL &&
		    (strcmp(d->def, "true") == 0 || strcmp(d->def, "false") == 0);

	json = json || (d->type == CONF_INT && strcmp(d->def, "auto") != 0);
	fputs(", \"default\": ", w->f);
	if (json)
		fputs(d->def, w->f);
	else
		put_string(w->f, d->def);
}

static void put_required(struct writer *w, const struct conf_block *b, const char *indent)
{
	const char *sep = "";

	fprintf(w->f, "%s\"required\": [", indent);
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++) {
		if ((d->flags & CONF_REQUIRED) == 0)
			continue;
		fputs(sep, w->f);
		put_string(w->f, d->name);
		sep = ", ";
	}
	fputs("],\n", w->f);
}

static void put_properties(
	struct writer *w, const struct conf_block *b, const char *indent, bool root)
{
	fprintf(w->f, "%s\"type\": \"object\",\n%s\"additionalProperties\": false,\n", indent,
		indent);
	/* with `include` the required parts may be in another file */
	if (!root)
		put_required(w, b, indent);
	fprintf(w->f, "%s\"properties\": {\n", indent);
	if (root)
		fprintf(w->f, "%s  \"include\": { %s, \"description\": \"Files to merge in.\" },\n",
			indent, scalars[CONF_STRINGS]);
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++) {
		fprintf(w->f, "%s  ", indent);
		put_string(w->f, d->name);
		fputs(": { ", w->f);
		put_type(w, d);
		if (d->def != NULL)
			put_default(w, d);
		fputs(", \"description\": ", w->f);
		put_string(w->f, d->help);
		fputs(d[1].name != NULL ? " },\n" : " }\n", w->f);
	}
	fprintf(w->f, "%s}", indent);
}

void conf_schema(FILE *f, const struct conf_block *root, const char *title)
{
	struct writer w = { .f = f };

	collect(&w, root);
	fputs("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": ",
		f);
	put_string(f, title);
	fputs(",\n", f);
	put_properties(&w, root, "  ", true);
	fputs(",\n  \"$defs\": {\n", f);
	for (size_t i = 1; i < w.n_blocks; i++) {
		const struct conf_block *b = w.blocks[i];

		fputs("    \"", f);
		for (const char *p = b->name; *p != '\0'; p++)
			putc(*p == ' ' ? '-' : *p, f);
		fputs("\": {\n      \"description\": ", f);
		put_string(f, b->help);
		fputs(",\n", f);
		put_properties(&w, b, "      ", false);
		fprintf(f, "\n    }%s\n", i + 1 < w.n_blocks ? "," : "");
	}
	fputs("  }\n}\n", f);
}
