/*
 * sim_main.c: the command line, the listeners, the threads, the end.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"
#include "io/listen.h"
#include "io/tls.h"
#include "sim/sim_ledger.h"
#include "sim/sim_server.h"
#include "sim/sim_store.h"
#include "sim/sim_text.h"

#define MAX_WORKERS 64
#define BACKLOG     4096

/* Every option: X(LETTER, "name", has argument, "ARG", "help") */
#define SIM_OPTIONS(X)                                                                            \
	X('l', "listen", 1, "ADDR:PORT", "where to listen (127.0.0.1:0: the kernel chooses)")     \
	X('u', "unix", 1, "PATH", "listen on a unix socket too")                                  \
	X('L', "tls-listen", 1, "ADDR:PORT", "where to listen with TLS (127.0.0.1:0)")            \
	X('c', "tls-cert", 1, "FILE", "PEM certificate; turns the TLS listener on")               \
	X('p', "tls-key", 1, "FILE", "PEM private key")                                           \
	X('w', "workers", 1, "N", "threads (1)")                                                  \
	X('t', "ttft", 1, "TIME", "time to the first token: 20ms, 1.5s (0)")                      \
	X('T', "tps", 1, "N", "tokens a second of each answer; 0: no pace (0)")                   \
	X('j', "jitter", 1, "PCT", "spread of both times: 10% (0)")                               \
	X('f', "fault", 1, "RATE:KIND", "let a share of the requests fail: 0.05:500; repeatable") \
	X('C', "on-cancel", 1, "WORD", "what a cancelled one is billed: full, free (partial)")    \
	X('k', "key", 1, "KEY", "accept only these API keys; repeatable (any key)")               \
	X('o', "ledger", 1, "FILE", "append the billing ledger to FILE, a JSON line a request")   \
	X('r', "ready-file", 1, "FILE", "write pid and addresses there as JSON once ready")       \
	X('s', "seed", 1, "N", "of faults, jitter and ids (1)")                                   \
	X('n', "no-record", 0, "", "keep no copies of requests for /sim/requests (faster)")       \
	X('q', "quiet", 0, "", "print nothing but errors")                                        \
	X('h', "help", 0, "", "this text")

static const char about[] =
	"\n"
	"Content and usage follow from the request alone:\n"
	"  one token is 4 bytes; input tokens = ceil(bytes / 4) of all prompt text (messages, "
	"system,\n"
	"  tool calls and results, tool definitions as sent), + 85 an image, 50 a sound, 100 a "
	"document\n"
	"  output tokens = min(max tokens, x-sim-output-tokens, else x-sim-events, else 32); a "
	"tool call's\n"
	"  are those of its arguments. A tool is called when tool_choice demands one, or when "
	"tools are\n"
	"  given and the last user message says \"tool\". Where a schema is given for the answer, "
	"it is JSON\n"
	"  that fits. Prompts with cache_control are a cache "
	"write the\n"
	"  first time and a cache read afterwards. Models called unknown... do not exist.\n"
	"\n"
	"Pages: GET /sim/ledger?last=N  GET /sim/requests?last=N  POST /sim/reset\n"
	"\n"
	"Request fields:\n";

static void help(void)
{
	printf("usage: tollgate-sim [options]\nA simulator of AI provider APIs.\n\n");
#define X(letter, name, arg, what, text) printf("  --%-10s %-13s %s\n", name, what, text);
	SIM_OPTIONS(X)
#undef X
	fputs(about, stdout);
#define X(name, parse, member, arg, text) printf("  x-sim-%-22s %-14s %s\n", name ":", arg, text);
#include "sim/tbl/knobs.h"
#undef X
	printf("\nFaults (any 4xx or 5xx number, or):\n");
	for (unsigned i = 0; i < SIM_F__MAX; i++)
		printf("  %-13s %s\n", sim_fault_name(i), sim_fault_help(i));
}

static int bad_option(const char *name, const char *value, const char *right)
{
	fprintf(stderr, "tollgate-sim: --%s %s: %s\n", name, value, right);
	return -1;
}

static int opt_fault(struct sim_conf *c, const char *v)
{
	if (c->n_rules == SIM_MAX_RULES)
		return bad_option("fault", v, "too many rules");
	if (sim_fault_rule_parse(str_z(v), &c->rule[c->n_rules]) != 0)
		return bad_option(
			"fault", v, "must be RATE:KIND, for example 0.05:500 (--help lists kinds)");
	c->n_rules++;
	return 0;
}

static int opt_number(const char *name, const char *v, uint64_t min, uint64_t max, uint64_t *out)
{
	struct str s = str_z(v);

	if (str_ends(s, STR("%")))
		s.n--;
	if (num_parse_u64(s, out) != 0 || *out < min || *out > max)
		return bad_option(name, v, "not a number in range");
	return 0;
}

static int opt_pace(struct sim_conf *c, int letter, const char *v)
{
	uint64_t n = 0;
	int64_t milli;

	switch (letter) {
	case 't':
		return sim_parse_us(str_z(v), &c->ttft_us) == 0
			       ? 0
			       : bad_option("ttft", v, "must be a time such as 20ms or 1.5s");
	case 'T':
		if (num_parse_decimal(str_z(v), 3, &milli) != 0 || milli < 0)
			return bad_option("tps", v, "must be tokens a second, 0 for no pace");
		c->tps_milli = (uint64_t)milli;
		return 0;
	default:
		if (opt_number("jitter", v, 0, 100, &n) != 0)
			return -1;
		c->jitter_pct = (unsigned)n;
		return 0;
	}
}

/* 1: help was printed. */
static int opt_take(struct sim_conf *c, int letter, const char *v)
{
	uint64_t n = 1;

	switch (letter) {
	case 'l': c->listen = v; return 0;
	case 'u': c->unix_path = v; return 0;
	case 'L': c->tls_listen = v; return 0;
	case 'c': c->tls_cert = v; return 0;
	case 'p': c->tls_key = v; return 0;
	case 'o': c->ledger_path = v; return 0;
	case 'r': c->ready_file = v; return 0;
	case 'n': c->no_record = true; return 0;
	case 'q': c->quiet = true; return 0;
	case 'f': return opt_fault(c, v);
	case 's': return opt_number("seed", v, 0, UINT64_MAX, &c->seed);
	case 't':
	case 'T':
	case 'j': return opt_pace(c, letter, v);
	case 'w':
		if (opt_number("workers", v, 1, MAX_WORKERS, &n) != 0)
			return -1;
		c->workers = (unsigned)n;
		return 0;
	case 'C':
		return sim_parse_cancel(str_z(v), &c->on_cancel) == 0
			       ? 0
			       : bad_option("on-cancel", v, "must be partial, full or free");
	case 'k':
		if (c->n_keys == SIM_MAX_KEYS)
			return bad_option("key", "...", "too many keys");
		c->key[c->n_keys++] = str_z(v);
		return 0;
	case 'h': help(); return 1;
	default: return -1;
	}
}

static int take_options(struct sim_conf *c, int argc, char **argv)
{
	static const struct option options[] = {
#define X(letter, name, arg, what, text) { name, (arg), NULL, letter },
		SIM_OPTIONS(X)
#undef X
			{ NULL, 0, NULL, 0 }
	};
	int letter, rc;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = opt_take(c, letter, optarg);
		if (rc != 0)
			return rc;
	}
	if (optind < argc)
		return bad_option("...", argv[optind], "is not an option");
	if ((c->tls_cert != NULL) != (c->tls_key != NULL))
		return bad_option("tls-cert", "", "--tls-cert and --tls-key go together");
	return 0;
}

/* Opens one address for every worker (a unix socket is shared); text gets what was bound. */
static int listen_all(
	struct sim_worker **w, unsigned n, const char *want, bool tls, char *text, size_t text_len)
{
	struct sockaddr_any addr, bound;
	char err[200];
	int fd = -1;

	if (sockaddr_parse(str_z(want), &addr, err, sizeof err) != 0)
		return bad_option(tls ? "tls-listen" : "listen", want, err);
	for (unsigned i = 0; i < n; i++) {
		if (i == 0 || addr.u.sa.sa_family != AF_UNIX)
			fd = listen_open(&addr, BACKLOG, &bound, err, sizeof err);
		else
			fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return bad_option(tls ? "tls-listen" : "listen", want, err);
		sim_worker_listen(w[i], fd, tls);
		if (i == 0 && addr.u.sa.sa_family != AF_UNIX)
			addr = bound;
	}
	(void)sockaddr_format(&addr, text, text_len);
	return 0;
}

static int open_listeners(struct sim_conf *c, struct sim_worker **w, char plain[128], char tls[128])
{
	char path[160], unused[160];

	tls[0] = '\0';
	if (listen_all(w, c->workers, c->listen, false, plain, 128) != 0)
		return -1;
	if (c->unix_path != NULL) {
		(void)snprintf(path, sizeof path, "unix:%s", c->unix_path);
		if (listen_all(w, c->workers, path, false, unused, sizeof unused) != 0)
			return -1;
	}
	return c->tls == NULL ? 0 : listen_all(w, c->workers, c->tls_listen, true, tls, 128);
}

/* Written beside and renamed: a reader sees all of it or nothing. */
static int write_ready(const struct sim_conf *c, const char *plain, const char *tls)
{
	char tmp[4096];
	FILE *f;
	int bad;

	(void)snprintf(tmp, sizeof tmp, "%s.%ld", c->ready_file, (long)getpid());
	f = fopen(tmp, "we");
	if (f == NULL)
		return bad_option("ready-file", tmp, strerror(errno));
	fprintf(f, "{\"pid\":%ld,\"listen\":\"%s\",\"tls\":", (long)getpid(), plain);
	fprintf(f, tls[0] != '\0' ? "\"%s\"" : "null%s", tls);
	fprintf(f, ",\"unix\":");
	fprintf(f, c->unix_path != NULL ? "\"%s\"}\n" : "null%s}\n",
		c->unix_path != NULL ? c->unix_path : "");
	bad = ferror(f);
	if ((fclose(f) | bad) != 0 || rename(tmp, c->ready_file) != 0)
		return bad_option("ready-file", c->ready_file, strerror(errno));
	return 0;
}

static void *worker_main(void *arg)
{
	sim_worker_run(arg);
	return NULL;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(arg);
}

/* Worker 0 runs here, where the signals arrive; it ends first and stops the others. */
static void run(struct sim_worker **w, unsigned n)
{
	struct event *term = evsignal_new(w[0]->base, SIGTERM, on_signal, w[0]->base);
	struct event *intr = evsignal_new(w[0]->base, SIGINT, on_signal, w[0]->base);
	pthread_t thread[MAX_WORKERS];
	sigset_t block, old;

	tg_assert(term != NULL && intr != NULL && event_add(term, NULL) == 0 &&
		  event_add(intr, NULL) == 0);
	(void)sigfillset(&block);
	(void)pthread_sigmask(SIG_SETMASK, &block, &old);
	for (unsigned i = 1; i < n; i++)
		tg_assert(pthread_create(&thread[i], NULL, worker_main, w[i]) == 0);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	sim_worker_run(w[0]);
	for (unsigned i = 1; i < n; i++) {
		sim_worker_stop(w[i]);
		(void)pthread_join(thread[i], NULL);
	}
	event_free(term);
	event_free(intr);
}

static int open_shared(struct sim_conf *c)
{
	char err[300];

	if (c->tls_cert != NULL) {
		c->tls = tls_server_ctx(
			&(struct tls_cert){ c->tls_cert, c->tls_key }, 1, err, sizeof err);
		if (c->tls == NULL)
			return bad_option("tls-cert", c->tls_cert, err);
	}
	if (sim_ledger_open(&c->ledger, c->ledger_path) != 0)
		return bad_option("ledger", c->ledger_path, strerror(errno));
	c->store = sim_store_new();
	return 0;
}

static void close_shared(struct sim_conf *c)
{
	sim_ledger_close(c->ledger);
	sim_store_free(c->store);
	if (c->tls != NULL)
		tls_ctx_free(c->tls);
}

int main(int argc, char **argv)
{
	static struct sim_conf conf = {
		.listen = "127.0.0.1:0", .tls_listen = "127.0.0.1:0", .workers = 1, .seed = 1
	};
	struct sim_worker *w[MAX_WORKERS];
	char plain[128], tls[128];
	int rc = take_options(&conf, argc, argv);

	if (rc != 0)
		return rc > 0 ? 0 : 2;
	(void)signal(SIGPIPE, SIG_IGN);
	if (open_shared(&conf) != 0)
		return 1;
	for (unsigned i = 0; i < conf.workers; i++)
		w[i] = sim_worker_new(&conf, conf.seed + i);
	if (open_listeners(&conf, w, plain, tls) != 0)
		return 1;
	if (conf.ready_file != NULL && write_ready(&conf, plain, tls) != 0)
		return 1;
	if (!conf.quiet) {
		printf("tollgate-sim: listening on %s%s%s\n", plain,
			tls[0] != '\0' ? ", TLS on " : "", tls);
		(void)fflush(stdout);
	}
	run(w, conf.workers);
	for (unsigned i = 0; i < conf.workers; i++)
		sim_worker_free(w[i]);
	close_shared(&conf);
	return 0;
}
