/*
 * quota_explain.c: `tgctl quota explain REQUEST-ID`: what the request held and cost, from the
 * ledger; which limit refused it, from the access log. No gateway need be running.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/drain.h"
#include "ctl/ledger_path.h"
#include "ctl/quota_cmds.h"
#include "ledger/export.h"
#include "ledger/walk.h"

struct found {
	json_t *records, *line; /* of the ledger; of the access log, or NULL */
};

/* ---- the ledger */

static bool has_id(const struct rec *r, struct rec_id id)
{
	switch (r->type) {
	case REC_HOLD: return rec_id_eq(r->u.hold.id, id);
	case REC_LEG: return rec_id_eq(r->u.leg.id, id);
	case REC_PROGRESS: return rec_id_eq(r->u.progress.id, id);
	case REC_EXTEND: return rec_id_eq(r->u.extend.id, id);
	case REC_SETTLE: return rec_id_eq(r->u.settle.id, id);
	case REC_VOID: return rec_id_eq(r->u.voided.id, id);
	default: return false;
	}
}

static void record_add(json_t *to, const struct segment_info *info, const struct rec *r)
{
	struct outbuf b;
	json_t *j;

	outbuf_init(&b);
	export_any(&b, info, r);
	j = json_loadb(b.p, b.n, JSON_DISABLE_EOF_CHECK, NULL);
	outbuf_fini(&b);
	if (j != NULL)
		(void)json_array_append_new(to, j);
}

static enum ctl_exit read_ledger(const char *path, struct rec_id id, json_t *to)
{
	const struct walk_options opt = { .salvage = true };
	char journal[LEDGER_PATH_MAX + 16], err[1024];
	struct journal_position end;
	enum walk_rc rc;
	struct walk w;
	struct rec r;

	snprintf(journal, sizeof journal, "%s/journal", path);
	if (walk_init(&w, journal, &opt, err, sizeof err) != 0)
		return ctl_failed("quota", "%s", err);
	while ((rc = walk_next(&w, &r, &end, err, sizeof err)) == WALK_RECORD)
		if (has_id(&r, id))
			record_add(to, &w.seg.info, &r);
	walk_fini(&w);
	return rc == WALK_END ? CTL_OK : ctl_failed("quota", "%s", err);
}

/* ---- the access log */

static json_t *line_of(const char *text, const char *id)
{
	json_t *j = strstr(text, id) != NULL ? json_loads(text, 0, NULL) : NULL;
	const char *has = json_string_value(json_object_get(j, "id"));

	if (has != NULL && strcmp(has, id) == 0)
		return j;
	json_decref(j);
	return NULL;
}

static json_t *read_log(const char *path, const char *id)
{
	FILE *f = path[0] != '\0' ? fopen(path, "re") : NULL;
	json_t *found = NULL;
	char *text = NULL;
	size_t cap = 0;

	if (f == NULL)
		return NULL;
	while (found == NULL && getline(&text, &cap, f) > 0)
		found = line_of(text, id);
	free(text);
	fclose(f);
	return found;
}

/* ---- what is said of it */

static const char *field(const json_t *j, const char *name)
{
	const char *v = json_string_value(json_object_get(j, name));

	return v != NULL ? v : "";
}

static void print_record(const json_t *r)
{
	const char *name;
	json_t *value;

	printf("%-9s %s", field(r, "type"), field(r, "time"));
	json_object_foreach((json_t *)(uintptr_t)r, name, value)
	{
		char *text;

		if (strcmp(name, "type") == 0 || strcmp(name, "time") == 0 ||
			strcmp(name, "id") == 0 || strcmp(name, "seq") == 0 ||
			strcmp(name, "segment") == 0)
			continue;
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		if (text != NULL)
			printf("\n          %s %s", name, text);
		free(text);
	}
	putchar('\n');
}

static void print_text(const char *id, const struct found *f)
{
	json_t *r;
	size_t i;

	printf("%s\n", id);
	json_array_foreach(f->records, i, r) print_record(r);
	if (json_array_size(f->records) == 0)
		puts("nothing of it was held: the ledger does not know it");
	if (f->line == NULL)
		return;
	printf("%-9s %s status %lld, %s\n", "answered", field(f->line, "time"),
		(long long)json_integer_value(json_object_get(f->line, "status")),
		field(f->line, "end"));
	if (field(f->line, "denied_by")[0] != '\0')
		printf("%-9s by the limit %s\n", "refused", field(f->line, "denied_by"));
}

static enum ctl_exit print(const char *id, const struct found *f, bool as_json)
{
	json_t *j;

	if (json_array_size(f->records) == 0 && f->line == NULL)
		return ctl_failed("quota", "%s is neither in the ledger nor in the access log", id);
	if (!as_json) {
		print_text(id, f);
		return CTL_OK;
	}
	j = json_pack("{s:s, s:O, s:O?}", "id", id, "ledger", f->records, "access_log", f->line);
	if (j == NULL)
		return ctl_failed("quota", "out of memory");
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(j);
	return CTL_OK;
}

enum ctl_exit quota_explain(int argc, char **argv)
{
	static const char *const allowed[] = { "ledger", NULL };
	char ledger[LEDGER_PATH_MAX], log[QUOTA_PATH_BYTES];
	struct found f = { .line = NULL };
	struct ledger_where where;
	struct quota_options o;
	struct rec_id id;
	enum ctl_exit rc = quota_options(argc, argv, allowed, &o);

	if (rc != CTL_OK)
		return rc;
	if (o.n_args != 1 || rec_id_parse(str_z(o.arg[0]), &id) != 0)
		return ctl_usage("quota",
			"explain takes one request id, as in x-tollgate-request-id: req_...");
	where = (struct ledger_where){ .ledger = o.ledger, .config = o.where.config };
	rc = ledger_path("quota", &where, ledger);
	if (rc != CTL_OK)
		return rc;
	f.records = json_array();
	rc = read_ledger(ledger, id, f.records);
	quota_log_path(&o, log);
	f.line = read_log(log, o.arg[0]);
	if (rc == CTL_OK)
		rc = print(o.arg[0], &f, o.json);
	json_decref(f.records);
	json_decref(f.line);
	return rc;
}
