/*
 * cmd_keys.c: `tgctl keys`: make client keys, and the lines for the configuration, which knows only
 * hashes. Needs no running gateway. A key is never taken from the command line, where other users
 * could see it.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/str.h"
#include "conf/types.h"
#include "ctl/ctl.h"

#define KEY_PREFIX       "tg-"
#define KEY_RANDOM_BYTES 32
#define KEY_TEXT_LEN     43   /* base64url without padding, RFC 4648 section 5 */
#define KEY_MAX_LEN      4096 /* of a key that is only hashed */
#define LINE_MAX_LEN     512

struct options {
	const char *tenant, *id, *expires;
	bool json;
};

struct key_line {
	char id[160];
	char hash[2 * SHA256_LEN + 1];
	char yaml[LINE_MAX_LEN];
};

/* What config_check.c takes as a name. */
static bool is_name(const char *s)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@-";

	return s[0] != '\0' && strlen(s) <= 128 && strspn(s, ok) == strlen(s);
}

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "tenant", required_argument, NULL, 't' },
		{ "id", required_argument, NULL, 'i' },
		{ "expires", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int64_t when;
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", table, NULL)) != -1)
		switch (c) {
		case 't': o->tenant = optarg; break;
		case 'i': o->id = optarg; break;
		case 'e': o->expires = optarg; break;
		case 'j': o->json = true; break;
		case ':': return ctl_usage("keys", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("keys", "unknown option %s", argv[optind - 1]);
		}
	if (optind < argc)
		return ctl_usage("keys", "%s takes no argument (a key is read from standard input)",
			argv[0]);
	if ((o->tenant != NULL && !is_name(o->tenant)) || (o->id != NULL && !is_name(o->id)))
		return ctl_usage("keys", "names have letters, digits and . _ : @ - in them");
	if (o->expires != NULL && conf_parse_date(str_z(o->expires), &when) != 0)
		return ctl_usage("keys",
			"`%s` is no date such as 2027-01-31 or 2027-01-31T18:00:00Z", o->expires);
	return CTL_OK;
}

static void base64url(const uint8_t *in, size_t n, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 6; have -= 6)
			*out++ = digits[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*out++ = digits[bits << (6 - have) & 63];
	*out = '\0';
}

/* Names that begin or end so that YAML would see something else in them are quoted. */
static bool is_plain(const char *id)
{
	return strchr("._:@-", id[0]) == NULL && id[strlen(id) - 1] != ':';
}

static void make_line(struct str key, const struct options *o, struct key_line *line)
{
	uint8_t hash[SHA256_LEN], random[4];
	char name[2 * sizeof random + 1] = "";
	const char *quote;
	int n;

	digest_sha256(key, hash);
	digest_hex(line->hash, hash, sizeof hash);
	line->hash[2 * SHA256_LEN] = '\0';
	digest_random(random, sizeof random);
	digest_hex(name, random, sizeof random);
	if (o->id != NULL)
		snprintf(line->id, sizeof line->id, "%s", o->id);
	else
		snprintf(line->id, sizeof line->id, "key-%s", name);
	quote = is_plain(line->id) ? "" : "\"";
	n = snprintf(line->yaml, sizeof line->yaml, "- { id: %s%s%s, sha256: %s", quote, line->id,
		quote, line->hash);
	if (o->expires != NULL)
		n += snprintf(
			line->yaml + n, sizeof line->yaml - (size_t)n, ", expires: %s", o->expires);
	snprintf(line->yaml + n, sizeof line->yaml - (size_t)n, " }");
}

/* key NULL: it was only hashed */
static enum ctl_exit print_json(
	const char *key, const struct options *o, const struct key_line *line)
{
	json_t *j =
		json_pack("{s:s*, s:s, s:s, s:s*, s:s*, s:s}", "key", key, "id", line->id, "sha256",
			line->hash, "tenant", o->tenant, "expires", o->expires, "yaml", line->yaml);
	int rc = j != NULL ? json_dumpf(j, stdout, JSON_COMPACT) : -1;

	json_decref(j);
	if (rc != 0)
		return ctl_failed("keys", "the output could not be written");
	putchar('\n');
	return CTL_OK;
}

static enum ctl_exit create(int argc, char **argv)
{
	struct options o = { NULL, NULL, NULL, false };
	char key[sizeof KEY_PREFIX + KEY_TEXT_LEN] = KEY_PREFIX;
	uint8_t random[KEY_RANDOM_BYTES];
	struct key_line line;
	enum ctl_exit rc = read_options(argc, argv, &o);

	if (rc != CTL_OK)
		return rc;
	digest_random(random, sizeof random);
	base64url(random, sizeof random, key + sizeof KEY_PREFIX - 1);
	make_line(str_z(key), &o, &line);
	if (o.json)
		return print_json(key, &o, &line);
	printf("%s\n\n", key);
	printf("This is the key, for the application. It is shown only now and kept nowhere.\n"
	       "The line for tollgate.yaml, under tenants: %s: keys:\n\n"
	       "      %s\n",
		o.tenant != NULL ? o.tenant : "<tenant>", line.yaml);
	return CTL_OK;
}

/* One line of standard input, not echoed on a terminal. -1 with errno. */
static int read_key(char *buf, size_t cap)
{
	struct termios old, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
	char *got;

	if (terminal) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		fputs("key: ", stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	errno = 0;
	got = fgets(buf, (int)cap, stdin);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	if (got == NULL)
		return -1;
	buf[strcspn(buf, "\r\n")] = '\0';
	return 0;
}

static enum ctl_exit hash(int argc, char **argv)
{
	struct options o = { NULL, NULL, NULL, false };
	char key[KEY_MAX_LEN + 2];
	struct key_line line;
	enum ctl_exit rc = read_options(argc, argv, &o);

	if (rc != CTL_OK)
		return rc;
	if (read_key(key, sizeof key) != 0 || key[0] == '\0')
		return ctl_failed("keys", "no key on standard input%s%s", errno != 0 ? ": " : "",
			errno != 0 ? strerror(errno) : "");
	if (strlen(key) > KEY_MAX_LEN)
		return ctl_failed("keys", "the key is longer than %d bytes", KEY_MAX_LEN);
	make_line(str_z(key), &o, &line);
	explicit_bzero(key, sizeof key);
	if (o.json)
		return print_json(NULL, &o, &line);
	printf("%s\n", line.yaml);
	return CTL_OK;
}

static enum ctl_exit keys(int argc, char **argv)
{
	if (argc < 2)
		return ctl_usage("keys", "say what to do: create or hash");
	if (strcmp(argv[1], "create") == 0)
		return create(argc - 1, argv + 1);
	if (strcmp(argv[1], "hash") == 0)
		return hash(argc - 1, argv + 1);
	return ctl_usage("keys", "`%s` is neither create nor hash", argv[1]);
}

const struct ctl_command ctl_keys = {
	.name = "keys",
	.run = keys,
	.summary = "create client keys and hash them for the configuration",
	.help = "usage: tgctl keys create [--tenant T] [--id ID] [--expires DATE] [--json]\n"
		"       tgctl keys hash   [--tenant T] [--id ID] [--expires DATE] [--json]\n"
		"\n"
		"create makes a random key and prints it, once, with the line for tollgate.yaml. "
		"The key goes to the\n"
		"application; the line, which has only its SHA-256, goes under tenants: T: keys: "
		"in the file.\n"
		"hash reads a key from standard input and prints its line.\n"
		"\n"
		"  --tenant T      the tenant the key is for (told in the output, nothing else)\n"
		"  --id ID         name of the key in logs and metrics; otherwise a random one\n"
		"  --expires DATE  2027-01-31 (midnight UTC) or 2027-01-31T18:00:00Z\n"
		"  --json          one JSON object: key (create only), id, sha256, tenant, "
		"expires, yaml\n"
		"\n"
		"exit status: 0 done, 1 could not be done, 2 wrong command line\n",
};
