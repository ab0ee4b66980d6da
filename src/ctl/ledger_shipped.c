/*
 * ledger_shipped.c: `tgctl ledger shipped`: does the member's stream in Redis say what its journal
 * says? The work is ledger_stream.h's.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/ledger_cmds.h"
#include "ctl/ledger_path.h"
#include "ctl/ledger_stream.h"

struct options {
	struct ledger_where where;
	bool json;
};

enum { OPT_JSON = 256 };

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:", table, NULL)) != -1)
		switch (c) {
		case 'c': o->where.config = optarg; break;
		case OPT_JSON: o->json = true; break;
		case ':': return ctl_usage("ledger", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("ledger", "unknown option %s", argv[optind - 1]);
		}
	if (optind < argc)
		return ctl_usage("ledger", "`%s` is one argument too many", argv[optind]);
	if (o->where.config == NULL)
		o->where.config = CTL_DEFAULT_CONFIG;
	return CTL_OK;
}

/* What is counted, in the order of both outputs. */
static const struct {
	const char *name, *text;
	size_t at;
} counts[] = {
#define ROW(member, text)                                             \
	{                                                             \
#member, text, offsetof(struct ledger_stream, member) \
	}
	ROW(entries, "entries of the stream"),
	ROW(same, "are as in the journal"),
	ROW(kept, "are of journal files that are no more"),
	ROW(trimmed, "charges of the journal are before the stream's first entry"),
	ROW(missing, "charges are missing in the stream"),
	ROW(different, "entries say something else than the journal"),
	ROW(foreign, "entries are no charges of the journal"),
	ROW(damaged, "records of the journal cannot be read"),
#undef ROW
};

static uint64_t count_of(const struct ledger_stream *s, size_t i)
{
	return *(const uint64_t *)(const void *)((const char *)s + counts[i].at);
}

static void print_json(const struct ledger_stream *s)
{
	json_t *j = json_object(), *list = json_array();

	json_object_set_new(j, "stream", json_string(s->key));
	json_object_set_new(j, "ok", json_boolean(ledger_stream_ok(s)));
	for (size_t i = 0; i < TG_ARRAY_LEN(counts); i++)
		json_object_set_new(j, counts[i].name, json_integer((json_int_t)count_of(s, i)));
	for (unsigned i = 0; i < s->n_findings; i++)
		json_array_append_new(list, json_string(s->finding[i]));
	json_object_set_new(j, "findings", list);
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(j);
}

static void print_text(const struct ledger_stream *s)
{
	printf("stream %s: %s\n", s->key,
		ledger_stream_ok(s) ? "as the journal" : "NOT as the journal");
	for (size_t i = 0; i < TG_ARRAY_LEN(counts); i++)
		printf("%12llu %s\n", (unsigned long long)count_of(s, i), counts[i].text);
	for (unsigned i = 0; i < s->n_findings; i++)
		printf("  %s\n", s->finding[i]);
}

static enum ctl_exit compare(const struct config *c, const char *ledger, const struct options *o)
{
	struct ledger_stream s;
	char err[512] = "";

	if (c->redis.url.n == 0)
		return ctl_failed(
			"ledger", "%s has no redis, so nothing is shipped", o->where.config);
	if (ledger_stream_read(&s, c, ledger, err, sizeof err) != 0)
		return ctl_failed("ledger", "%s", err);
	if (o->json)
		print_json(&s);
	else
		print_text(&s);
	return ledger_stream_ok(&s) ? CTL_OK : CTL_FAILED;
}

enum ctl_exit ledger_shipped(int argc, char **argv)
{
	char path[LEDGER_PATH_MAX];
	struct options o = { .json = false };
	struct conf_error err = { "" };
	struct config config;
	struct arena arena;
	enum ctl_exit rc = read_options(argc, argv, &o);

	if (rc == CTL_OK)
		rc = ledger_path("ledger", &o.where, path);
	if (rc != CTL_OK)
		return rc;
	arena_init(&arena, NULL, 0);
	if (conf_load_file(o.where.config, &config_root, &arena, &config, &err) != 0)
		rc = ctl_failed("ledger", "%s", err.text);
	else
		rc = compare(&config, path, &o);
	arena_fini(&arena);
	return rc;
}
