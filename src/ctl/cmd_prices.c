/*
 * cmd_prices.c: `tgctl prices`: look at price books, compare them, make one of a foreign price map.
 * Needs no running gateway. What is shown is prices_view.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan_prices.h"
#include "ctl/ctl.h"
#include "ctl/prices_import.h"
#include "ctl/prices_view.h"

#define MAP_MAX (64 * 1024 * 1024)
#define IMPORT_NOTE                                                                              \
	"Written by tgctl prices import. Nobody has checked the figures against the providers' " \
	"own "                                                                                   \
	"price pages: do so before you charge anybody."

struct options {
	const char *config, *provider, *model, *at;
	const char *out, *date, *corrections;
	bool json, report;
};

/* A whole file, malloc'd; NULL with errno. */
static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text;

	if (f == NULL)
		return NULL;
	text = malloc(MAP_MAX);
	tg_assert(text != NULL);
	*len = fread(text, 1, MAP_MAX, f);
	if (ferror(f) || *len == MAP_MAX) {
		errno = ferror(f) ? EIO : EFBIG;
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

/* ---- the book that is meant */

/* The configuration's prices and its own entries. */
static struct pricebook *book_of_config(const char *path, char *err, size_t err_len)
{
	struct config cfg;
	struct conf_error why;
	struct arena arena;
	struct pricebook *b = NULL;

	arena_init(&arena, NULL, 0);
	if (conf_load_file(path, &config_root, &arena, &cfg, &why) != 0)
		snprintf(err, err_len, "%s", why.text);
	else
		b = plan_prices_build(&arena, &cfg, err, err_len);
	arena_fini(&arena);
	return b;
}

/* A price file, or the built-in book for "-". */
static struct pricebook *book_of_file(const char *path, char *err, size_t err_len)
{
	if (strcmp(path, "-") == 0)
		return pricebook_load(NULL, 0, err, err_len);
	return pricebook_load(&path, 1, err, err_len);
}

static struct pricebook *book_of(
	const struct options *o, const char *file, char *err, size_t err_len)
{
	if (o->config != NULL)
		return book_of_config(o->config, err, err_len);
	return book_of_file(file != NULL ? file : "-", err, err_len);
}

/* ---- import */

static int write_out(const char *path, const char *text)
{
	FILE *f = path != NULL ? fopen(path, "we") : stdout;
	int rc;

	if (f == NULL)
		return -1;
	rc = fputs(text, f) >= 0 && fflush(f) == 0 ? 0 : -1;
	if (path != NULL && fclose(f) != 0)
		rc = -1;
	return rc;
}

/* "2026-08-01" somewhere in a file's name. */
static const char *date_in(const char *path, char day[11])
{
	const char *name = strrchr(path, '/');

	for (name = name != NULL ? name + 1 : path; strlen(name) >= 10; name++)
		if (strspn(name, "0123456789") >= 4 && name[4] == '-' && name[7] == '-' &&
			strspn(name + 5, "0123456789") == 2 &&
			strspn(name + 8, "0123456789") >= 2) {
			snprintf(day, 11, "%.10s", name);
			return day;
		}
	return NULL;
}

/* What was made is read back: a converter's error must not become somebody's prices. */
static enum ctl_exit check_and_write(const struct import *im, const struct options *o)
{
	char err[512], *text = import_render(im, IMPORT_NOTE);
	struct pricebook *b = pricebook_parse(
		str_z(text), o->out != NULL ? o->out : "the result", err, sizeof err);
	enum ctl_exit rc = CTL_OK;

	if (b == NULL)
		rc = ctl_failed("prices", "%s", err);
	else if (write_out(o->out, text) != 0)
		rc = ctl_failed("prices", "%s: %s", o->out != NULL ? o->out : "standard output",
			strerror(errno));
	pricebook_free(b);
	free(text);
	return rc;
}

static enum ctl_exit import_map(struct import *im, struct str map, struct str corrections,
	const char *file, const struct options *o)
{
	char err[512];
	enum ctl_exit rc;

	if (import_litellm(im, map, err, sizeof err) != 0)
		return ctl_failed("prices", "%s: %s", file, err);
	import_complete(im);
	import_merge(im);
	if (import_finish(im, corrections, o->corrections, err, sizeof err) != 0)
		return ctl_failed("prices", "%s", err);
	rc = check_and_write(im, o);
	if (rc == CTL_OK && o->report)
		import_report(im, o->out != NULL ? stdout : stderr);
	else if (rc == CTL_OK)
		import_summary(im, stderr);
	return rc;
}

static enum ctl_exit run_import(int argc, char **argv, const struct options *o)
{
	struct import im;
	char day[11], *map, *corrections = NULL;
	size_t map_len, corrections_len = 0;
	enum ctl_exit rc;

	if (argc != 2 || strcmp(argv[0], "litellm") != 0)
		return ctl_usage("prices", "import needs a format and a file: import litellm FILE");
	import_init(&im);
	im.date = o->date != NULL ? o->date : date_in(argv[1], day);
	im.source = "litellm model_prices_and_context_window.json";
	if (im.date == NULL) {
		import_fini(&im);
		return ctl_usage("prices",
			"%s has no date in its name: say --date 2026-08-01, the day the map was "
			"taken",
			argv[1]);
	}
	map = read_file(argv[1], &map_len);
	if (map == NULL)
		rc = ctl_failed("prices", "%s: %s", argv[1], strerror(errno));
	else if (o->corrections != NULL &&
		 (corrections = read_file(o->corrections, &corrections_len)) == NULL)
		rc = ctl_failed("prices", "%s: %s", o->corrections, strerror(errno));
	else
		rc = import_map(&im, str_mk(map, map_len),
			corrections != NULL ? str_mk(corrections, corrections_len) : STR_NONE,
			argv[1], o);
	free(map);
	free(corrections);
	import_fini(&im);
	return rc;
}

/* ---- list, show, diff, history */

static enum ctl_exit run_list(int argc, char **argv, const struct options *o)
{
	const struct view_filter filter = { o->provider, o->model };
	char err[512];
	struct pricebook *b;

	if (argc > 1 || (argc == 1 && o->config != NULL))
		return ctl_usage("prices", "list takes one price file, or -c CONFIG");
	b = book_of(o, argc == 1 ? argv[0] : NULL, err, sizeof err);
	if (b == NULL)
		return ctl_failed("prices", "%s", err);
	view_list(b, &filter, o->json);
	pricebook_free(b);
	return CTL_OK;
}

static enum ctl_exit run_show(int argc, char **argv, const struct options *o, bool history)
{
	const char *what = history ? "history" : "show";
	struct view_filter filter = { o->provider, argc > 0 ? argv[0] : NULL };
	char err[512];
	struct pricebook *b;
	size_t found;

	if (argc < 1 || argc > 2 || (argc == 2 && o->config != NULL))
		return ctl_usage(
			"prices", "%s needs a model, and takes a price file or -c CONFIG", what);
	b = book_of(o, argc == 2 ? argv[1] : NULL, err, sizeof err);
	if (b == NULL)
		return ctl_failed("prices", "%s", err);
	found = history ? view_history(b, &filter, o->json) : view_show(b, &filter, o->json);
	pricebook_free(b);
	if (found > 0)
		return CTL_OK;
	return ctl_failed("prices", "no price for %s%s%s", argv[0],
		o->provider != NULL ? " at " : "", o->provider != NULL ? o->provider : "");
}

static enum ctl_exit run_diff(int argc, char **argv, const struct options *o)
{
	const struct view_filter filter = { o->provider, o->model };
	struct pricebook *old, *new = NULL;
	char err[512];
	enum ctl_exit rc = CTL_OK;

	if (argc != 2)
		return ctl_usage("prices", "diff needs two price files; - is the built-in book");
	old = book_of_file(argv[0], err, sizeof err);
	if (old != NULL)
		new = book_of_file(argv[1], err, sizeof err);
	if (old == NULL || new == NULL)
		rc = ctl_failed("prices", "%s", err);
	else
		view_diff(old, new, &filter, o->json);
	pricebook_free(old);
	pricebook_free(new);
	return rc;
}

/* ---- the command line */

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "provider", required_argument, NULL, 'p' },
		{ "model", required_argument, NULL, 'm' },
		{ "output", required_argument, NULL, 'o' },
		{ "date", required_argument, NULL, 'd' },
		{ "corrections", required_argument, NULL, 'k' },
		{ "report", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:o:", table, NULL)) != -1)
		switch (c) {
		case 'c': o->config = optarg; break;
		case 'p': o->provider = optarg; break;
		case 'm': o->model = optarg; break;
		case 'o': o->out = optarg; break;
		case 'd': o->date = optarg; break;
		case 'k': o->corrections = optarg; break;
		case 'r': o->report = true; break;
		case 'j': o->json = true; break;
		case ':': return ctl_usage("prices", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("prices", "unknown option %s", argv[optind - 1]);
		}
	return CTL_OK;
}

static enum ctl_exit run(int argc, char **argv)
{
	static const char *const names[] = { "list", "show", "diff", "history", "import" };
	struct options o = { .json = false };
	enum ctl_exit rc;
	const char *near;

	if (argc < 2)
		return ctl_usage("prices", "needs one of list, show, diff, history, import");
	rc = read_options(argc - 1, argv + 1, &o);
	if (rc != CTL_OK)
		return rc;
	argc -= 1 + optind;
	argv += 1;
	if (strcmp(argv[0], "list") == 0)
		return run_list(argc, argv + optind, &o);
	if (strcmp(argv[0], "show") == 0)
		return run_show(argc, argv + optind, &o, false);
	if (strcmp(argv[0], "history") == 0)
		return run_show(argc, argv + optind, &o, true);
	if (strcmp(argv[0], "diff") == 0)
		return run_diff(argc, argv + optind, &o);
	if (strcmp(argv[0], "import") == 0)
		return run_import(argc, argv + optind, &o);
	near = str_nearest(str_z(argv[0]), names, TG_ARRAY_LEN(names));
	return ctl_usage("prices", "there is no `prices %s`%s%s%s", argv[0],
		near != NULL ? "; did you mean `" : "", near != NULL ? near : "",
		near != NULL ? "`?" : "");
}

const struct ctl_command ctl_prices = {
	.name = "prices",
	.run = run,
	.summary = "show, compare and import price books",
	.help = "usage: tgctl prices list [--provider P] [--model TEXT] [FILE | -c CONFIG] "
		"[--json]\n"
		"       tgctl prices show MODEL [--provider P] [FILE | -c CONFIG] [--json]\n"
		"       tgctl prices history MODEL [--provider P] [FILE | -c CONFIG] [--json]\n"
		"       tgctl prices diff FILE FILE [--provider P] [--model TEXT] [--json]\n"
		"       tgctl prices import litellm FILE [-o OUT] [--date DAY] [--corrections "
		"FILE] "
		"[--report]\n"
		"\n"
		"A FILE is a price file; - is the book that is built into the program, which is "
		"also what\n"
		"is looked at when none is named. -c looks at the prices of a configuration, its "
		"own\n"
		"entries (price_overrides) included.\n"
		"\n"
		"  list      a line for every price: USD per million tokens\n"
		"  show      all about the price that is in force now for a model, as a provider "
		"calls it\n"
		"  history   the versions of a model's price, by the day from which they hold\n"
		"  diff      what was added, removed and changed from the first file to the "
		"second\n"
		"  import    make a price file of a LiteLLM price map, exactly, from text to text\n"
		"\n"
		"  --provider P        only this provider's\n"
		"  --model TEXT        only models with this in their name\n"
		"  -c, --config FILE   the prices of this configuration\n"
		"  -o, --output FILE   where the price file goes; standard output without it\n"
		"  --date DAY          when the map was taken, when its name does not say it\n"
		"  --corrections FILE  changes that a person made, each with why and where from\n"
		"  --report            coverage, what was refused and why, every figure that was "
		"derived\n"
		"  --json              for programs\n",
};
