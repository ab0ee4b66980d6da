/*
 * redis_drive.c: the Redis client, driven line by line: what t/e2e/test_redis.py talks to. Commands
 * come on standard input, what happens goes to standard output, the client's log to standard error.
 *
 *	redis_drive [--mode MODE] [--primary NAME] [--user U] [--password P] [--ca FILE] [--db N]
 *	            [--sentinel-password P] [--timeout MS] [--connect MS] [--queue BYTES] [--reply
 *BYTES] [--items N]
 *	            [--backoff MS] [--script FILE] URL...
 *
 *	call ID KEY WORD...       by key           node ID KEY WORD...   on the connection of now
 *	burst FIRST N KEY WORD... N calls at once  fcall ID KEY FUNCTION NKEYS WORD...
 *	load ID KEY               the script       who KEY               which node serves it
 *	drop KEY                  its connection   quit
 *
 * In words %XX is a byte. Answers: up, down, moved, reply ID VALUE, lost ID WHY, refused ID.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/num.h"
#include "io/resolve.h"
#include "io/tls.h"
#include "redis/redis.h"
#include "redis/redis_script.h"

#define WORDS_MAX 64

static struct event_base *base;
static struct redis *client;
static struct redis_script *script;
static char line[1 << 20];
static size_t line_n;

/* ---- out */

static void put_text(struct str s)
{
	putchar('"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			putchar(c);
		else
			printf("\\u%04x", c);
	}
	putchar('"');
}

/* As JSON: ["status", ..] and ["error", ..] for those two. */
static void put_value(const struct redis_value *v)
{
	switch (v->kind) {
	case REDIS_NIL: printf("null"); break;
	case REDIS_INT: printf("%lld", (long long)v->number); break;
	case REDIS_STRING: put_text(v->text); break;
	case REDIS_STATUS:
	case REDIS_ERROR:
		printf("{\"%s\":", v->kind == REDIS_STATUS ? "status" : "error");
		put_text(v->text);
		putchar('}');
		break;
	case REDIS_ARRAY:
		putchar('[');
		for (size_t i = 0; i < v->n_items; i++) {
			if (i > 0)
				putchar(',');
			put_value(&v->items[i]);
		}
		putchar(']');
		break;
	}
}

static void on_up(struct redis_node *n, const struct redis_server *s, void *arg)
{
	(void)arg;
	printf("up %s %s %u %s %d\n", redis_node_name(n), s->run_id, s->version, s->policy,
		s->may_evict);
}

static void on_down(struct redis_node *n, const char *why, void *arg)
{
	(void)arg;
	printf("down %s %s\n", redis_node_name(n), why);
}

static void on_moved(struct redis *r, void *arg)
{
	(void)r;
	(void)arg;
	printf("moved\n");
}

static void on_reply(const struct redis_value *v, const char *why, void *arg)
{
	long id = (long)(intptr_t)arg;

	if (v == NULL) {
		printf("lost %ld %s\n", id, why);
		return;
	}
	printf("reply %ld ", id);
	put_value(v);
	putchar('\n');
}

static void on_done(const char *why, void *arg)
{
	long id = (long)(intptr_t)arg;

	if (why != NULL)
		printf("lost %ld %s\n", id, why);
	else
		printf("reply %ld \"loaded\"\n", id);
}

/* ---- in */

static size_t split(char *text, struct str *words)
{
	size_t n = 0;

	for (char *p = strtok(text, " "); p != NULL && n < WORDS_MAX; p = strtok(NULL, " ")) {
		char *to = p, *from = p;

		words[n].p = p;
		while (*from != '\0') {
			if (*from == '%' && digest_unhex(str_mk(from + 1, 2), to, 1) == 0)
				from += 3;
			else
				*to = *from++;
			to++;
		}
		words[n++].n = (size_t)(to - p);
	}
	return n;
}

static long number(struct str s)
{
	int64_t v = 0;

	return num_parse_i64(s, &v) == 0 ? (long)v : 0;
}

static int fcall(const struct str *w, size_t n, struct redis_node *at, void *id)
{
	size_t n_keys = (size_t)number(w[4]);

	return redis_script_call(
		script, at, w[3], w + 5, n_keys, w + 5 + n_keys, n - 5 - n_keys, 0, on_reply, id);
}

static void burst(const struct str *w, size_t n)
{
	long first = number(w[1]), count = number(w[2]);

	for (long i = 0; i < count; i++)
		if (redis_call(client, w[3], w + 4, n - 4, 0, on_reply,
			    (void *)(intptr_t)(first + i)) != 0)
			printf("refused %ld\n", first + i);
}

static void run(char *text)
{
	struct str w[WORDS_MAX];
	size_t n = split(text, w);
	long no = n > 1 ? number(w[1]) : 0;
	void *id = (void *)(intptr_t)no;
	struct redis_node *at;
	int rc = 0;

	if (n == 1 && str_eq(w[0], STR("quit"))) {
		event_base_loopbreak(base);
		return;
	}
	if (n < 2)
		return;
	at = redis_node_of(client, n > 2 ? w[2] : w[1]);
	if (str_eq(w[0], STR("who")))
		printf("who %s %s\n", at != NULL ? redis_node_name(at) : "-",
			at != NULL && redis_node_server(at) != NULL ? redis_node_server(at)->run_id
								    : "-");
	else if (str_eq(w[0], STR("drop")) && at != NULL)
		redis_node_drop(at, "dropped by hand");
	else if (str_eq(w[0], STR("call")) && n > 3)
		rc = redis_call(client, w[2], w + 3, n - 3, 0, on_reply, id);
	else if (str_eq(w[0], STR("burst")) && n > 4)
		burst(w, n);
	else if (at == NULL)
		rc = -1;
	else if (str_eq(w[0], STR("node")) && n > 3)
		rc = redis_node_call(at, w + 3, n - 3, 0, on_reply, id);
	else if (str_eq(w[0], STR("load")))
		rc = redis_script_load(script, at, 0, on_done, id);
	else if (str_eq(w[0], STR("fcall")) && n > 4)
		rc = fcall(w, n, at, id);
	if (rc != 0)
		printf("refused %ld\n", no);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	ssize_t n = read(fd, line + line_n, sizeof line - line_n - 1);
	char *end;

	(void)what;
	(void)arg;
	if (n <= 0) {
		event_base_loopbreak(base);
		return;
	}
	line_n += (size_t)n;
	while ((end = memchr(line, '\n', line_n)) != NULL) {
		size_t used = (size_t)(end - line) + 1;

		*end = '\0';
		run(line);
		memmove(line, line + used, line_n - used);
		line_n -= used;
	}
}

/* ---- options */

static enum redis_mode mode_of(const char *word)
{
	return strcmp(word, "sentinel") == 0  ? REDIS_SENTINEL
	       : strcmp(word, "cluster") == 0 ? REDIS_CLUSTER
					      : REDIS_STANDALONE;
}

static void load_script(const char *path)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(text, 1, sizeof text, f) : 0;

	script = redis_script_new(str_mk(text, n));
	if (f != NULL)
		fclose(f);
	if (script == NULL) {
		fprintf(stderr, "%s: no library\n", path);
		exit(2);
	}
}

static void take_option(struct redis_conf *conf, int c)
{
	char err[256];

	switch (c) {
	case 'm': conf->mode = mode_of(optarg); break;
	case 'p': conf->primary = str_z(optarg); break;
	case 'u': conf->username = str_z(optarg); break;
	case 'w': conf->password = str_z(optarg); break;
	case 'S': conf->sentinel_password = str_z(optarg); break;
	case 'd': conf->db = (unsigned)atoi(optarg); break;
	case 't': conf->call_timeout_us = 1000LL * atoi(optarg); break;
	case 'c': conf->connect_timeout_us = 1000LL * atoi(optarg); break;
	case 'q': conf->queue_max_bytes = (size_t)atol(optarg); break;
	case 'r': conf->reply_max_bytes = (size_t)atol(optarg); break;
	case 'i': conf->reply_max_items = (size_t)atol(optarg); break;
	case 'b': conf->backoff_min_us = conf->backoff_max_us = 1000LL * atoi(optarg); break;
	case 's': load_script(optarg); break;
	case 'a':
		conf->tls = tls_client_ctx(optarg, true, err, sizeof err);
		if (conf->tls != NULL)
			break;
		fprintf(stderr, "%s\n", err);
		exit(2);
	default: exit(2);
	}
}

static const struct option options[] = { { "mode", 1, NULL, 'm' }, { "primary", 1, NULL, 'p' },
	{ "user", 1, NULL, 'u' }, { "password", 1, NULL, 'w' },
	{ "sentinel-password", 1, NULL, 'S' }, { "db", 1, NULL, 'd' }, { "timeout", 1, NULL, 't' },
	{ "connect", 1, NULL, 'c' }, { "queue", 1, NULL, 'q' }, { "reply", 1, NULL, 'r' },
	{ "items", 1, NULL, 'i' }, { "backoff", 1, NULL, 'b' }, { "script", 1, NULL, 's' },
	{ "ca", 1, NULL, 'a' }, { NULL, 0, NULL, 0 } };

int main(int argc, char **argv)
{
	static const struct redis_events events = { on_up, on_down, on_moved };
	struct redis_conf conf = { .client_name = STR("redis_drive") };
	struct resolver *resolver = resolver_new(0);
	struct event *input;
	char err[256];
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&conf, c);
	for (; optind < argc && conf.n_urls < REDIS_URLS_MAX; optind++)
		conf.urls[conf.n_urls++] = str_z(argv[optind]);
	base = event_base_new();
	client = redis_new(base, resolver, &conf, &events, NULL, err, sizeof err);
	if (client == NULL) {
		fprintf(stderr, "%s\n", err);
		return 2;
	}
	input = event_new(base, 0, EV_READ | EV_PERSIST, on_input, NULL);
	event_add(input, NULL);
	event_base_dispatch(base);
	event_free(input);
	redis_free(client);
	if (script != NULL)
		redis_script_free(script);
	resolver_free(resolver);
	tls_ctx_free(conf.tls);
	event_base_free(base);
	return 0;
}
