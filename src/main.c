/*
 * main.c: the command line of the daemon.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <maxminddb.h>
#include <openssl/crypto.h>
#include <yaml.h>

#include "control.h"
#include "core/config.h"
#include "core/plan.h"
#include "core/provider.h"
#include "io/cred.h"
#include "io/resolve.h"
#include "quotasync.h"

static const char usage[] =
	"tollgate: a reverse proxy in front of AI provider APIs that holds and attributes what "
	"each request costs.\n"
	"\n"
	"usage: tollgate [-c FILE] [-t | -T | -V | --schema | --reference]\n"
	"\n"
	"  -c, --config FILE      configuration (default " TG_SYSCONFDIR "/tollgate.yaml)\n"
	"  -t, --test             check the configuration and exit: 0 good, 1 with "
	"file:line:column of the error\n"
	"  -T, --dump             check it and print the merged result with defaults, secrets "
	"masked\n"
	"  -V, --version          versions of tollgate and the libraries it runs with\n"
	"      --schema           JSON Schema of the configuration, for editors\n"
	"      --reference        the configuration reference as Markdown\n"
	"      --ready-file FILE  once ready, write {\"pid\",\"listen\":[...],\"admin\"} there "
	"(addresses as bound)\n"
	"  -h, --help             this text\n"
	"\n"
	"signals: HUP reload configuration and certificates; USR1 reopen logs; TERM and INT drain "
	"and exit, twice: at once\n"
	"\n"
	"exit codes: 0 ended or check passed, 1 configuration or start failed, 2 wrong usage\n";

enum { OPT_SCHEMA = 256, OPT_REFERENCE, OPT_READY };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "test", no_argument, NULL, 't' },
	{ "dump", no_argument, NULL, 'T' },
	{ "version", no_argument, NULL, 'V' },
	{ "schema", no_argument, NULL, OPT_SCHEMA },
	{ "reference", no_argument, NULL, OPT_REFERENCE },
	{ "ready-file", required_argument, NULL, OPT_READY },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void register_providers(void)
{
	static const char *names[64];
	unsigned n = 0;

	for (; tg_providers[n] != NULL && n < TG_ARRAY_LEN(names) - 1; n++)
		names[n] = tg_providers[n]->name;
	config_set_providers(names);
}

static void print_versions(void)
{
	struct pricebook *book = pricebook_load(NULL, 0, (char[256]){ 0 }, 256);
	int major, minor, patch;

	yaml_get_version(&major, &minor, &patch);
	printf("tollgate %s\n", PACKAGE_VERSION);
	printf("libevent %s\n", event_get_version());
	printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
	printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
	printf("libmaxminddb %s\n", MMDB_lib_version());
	printf("libyaml %d.%d.%d\n", major, minor, patch);
	tg_assert(book != NULL); /* the built-in one */
	printf("price book entries %zu\n", pricebook_size(book));
	pricebook_free(book);
}

/* -t and -T: the whole load, with certificates and price books, but without binding an address. */
static int check(const char *path, bool dump)
{
	struct resolver *r = resolver_new(0);
	struct conf_error err;
	struct tg_conf *c;

	if (r == NULL)
		return 1;
	cred_fetch_nothing();
	c = plan_load(path, r, 0, &err);
	if (c == NULL || quotasync_check(c, err.text, sizeof err.text) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (dump)
		conf_dump(stdout, &config_root, &c->cfg);
	else
		fprintf(stderr, "%s: good\n", path);
	plan_put(c);
	resolver_free(r);
	return 0;
}

int main(int argc, char **argv)
{
	struct control_options opt = { .conf_path = TG_SYSCONFDIR "/tollgate.yaml" };
	int c, mode = 0;

	register_providers();
	while ((c = getopt_long(argc, argv, "c:tTVh", options, NULL)) != -1) {
		switch (c) {
		case 'c': opt.conf_path = optarg; break;
		case OPT_READY: opt.ready_file = optarg; break;
		case 'h': fputs(usage, stdout); return 0;
		case '?': fputs("see tollgate --help\n", stderr); return 2;
		default: mode = c; break;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "unexpected argument '%s'; see tollgate --help\n", argv[optind]);
		return 2;
	}
	switch (mode) {
	case 't':
	case 'T': return check(opt.conf_path, mode == 'T');
	case 'V': print_versions(); return 0;
	case OPT_SCHEMA: conf_schema(stdout, &config_root, "tollgate configuration"); return 0;
	case OPT_REFERENCE: conf_reference(stdout, &config_root); return 0;
	default: return control_run(&opt);
	}
}
