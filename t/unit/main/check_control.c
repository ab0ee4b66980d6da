/*
 * check_control.c: the process's life without the process: starts that fail and say why, the ready
 * file, the admin pages, reloads that are taken up or refused, signals, and the drain. The control
 * thread is the test's, its loop is turned by hand; the workers are threads as ever.
 */
#include "unit/core/fake.h"

#include <sys/stat.h>
#include <sys/wait.h>

/* The daemon's own files are in no library */
#include "control.c"
#include "control_admin.c"
#include "geod.c"

#include "core/spots.h"
#include "ledgerd.c"
#include "listeners.c"
#include "logwriter.c"
#include "quotad.c"

static struct control *k; /* the one that control_run would have */
static char dir[128], conf_path[160], ready_path[160], error_path[160], access_path_[160];
static char answer[65536];

static void setup(void)
{
	static const char *const providers[] = { "openai", "anthropic", NULL };
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/check_control_XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(conf_path, sizeof conf_path, "%s/t.yaml", dir);
	snprintf(ready_path, sizeof ready_path, "%s/ready", dir);
	snprintf(error_path, sizeof error_path, "%s/error.log", dir);
	snprintf(access_path_, sizeof access_path_, "%s/access.jsonl", dir);
	config_set_providers(providers);
}

static void teardown(void)
{
	char cmd[300];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

#define A                                                                                     \
	"ledger: { path: none }\n"                                                            \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\nmodels: { m: { " \
	"targets: a } }\n"

/* The configuration file: `text`, with DIR for the test's folder. */
static void write_conf(const char *text)
{
	FILE *out = fopen(conf_path, "w");

	ck_assert(out != NULL);
	for (const char *p = text; *p != '\0'; p++) {
		if (strncmp(p, "DIR", 3) == 0) {
			fputs(dir, out);
			p += 2;
		} else {
			fputc(*p, out);
		}
	}
	ck_assert_int_eq(fclose(out), 0);
}

static const char *file(const char *path)
{
	static char text[65536];
	FILE *in = fopen(path, "r");
	size_t n;

	if (in == NULL)
		return "";
	n = fread(text, 1, sizeof text - 1, in);
	fclose(in);
	text[n] = '\0';
	return text;
}

#define GOOD                                                                                  \
	"workers: 2\nlisten: 'unix:DIR/gw.sock'\nadmin: { address: 'unix:DIR/admin.sock' }\n" \
	"log: { error: DIR/error.log, access: DIR/access.jsonl }\n" A

static int start(const char *conf)
{
	static struct control_options opt;
	static struct control control;

	write_conf(conf);
	opt = (struct control_options){ conf_path, ready_path };
	memset(&control, 0, sizeof control);
	control.opt = &opt;
	k = &control;
	if (control_start(k) != 0)
		return -1;
	control_ready_file(k);
	return 0;
}

static void turn(void)
{
	ck_assert_int_ge(event_base_loop(k->base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

#define UNTIL(cond)                  \
	do {                         \
		turn();              \
		while (!(cond)) {    \
			usleep(200); \
			turn();      \
		}                    \
	} while (0)

static int dial(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%.80s/%s", dir, name);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One request on a connection of its own; the status, 0 when there is no answer. */
static int ask(const char *socket_name, const char *line)
{
	size_t n = 0;
	char text[256];
	ssize_t got = -1;
	int fd = dial(socket_name), status = 0;

	if (fd < 0)
		return 0;
	snprintf(text, sizeof text,
		"%s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
		line);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	do {
		turn();
		got = read(fd, answer + n, sizeof answer - 1 - n);
		n += got > 0 ? (size_t)got : 0;
		if (got < 0)
			usleep(200);
	} while (got > 0 || (got < 0 && errno == EAGAIN));
	close(fd);
	answer[n] = '\0';
	sscanf(answer, "HTTP/1.1 %3d", &status);
	return status;
}

static void answer_has(const char *text)
{
	ck_assert_msg(strstr(answer, text) != NULL, "no %s in %s", text, answer);
}

static bool exited(void)
{
	for (unsigned i = 0; i < k->n_workers; i++)
		if (!atomic_load(&k->workers[i].exited))
			return false;
	return true;
}

/* As SIGTERM does it. */
static void end(void)
{
	on_term(0, 0, k);
	UNTIL(exited());
	control_end(k);
}

/* ---- starting */

START_TEST(life)
{
	char want[600];

	ck_assert_int_eq(start(GOOD), 0);
	snprintf(want, sizeof want,
		"{\"pid\":%ld,\"listen\":[\"unix:%s/gw.sock\"],\"admin\":\"unix:%s/admin.sock\"}\n",
		(long)getpid(), dir, dir);
	ck_assert_str_eq(file(ready_path), want);
	ck_assert_int_eq(ask("gw.sock", "GET /"), 200);
	ck_assert_int_eq(ask("admin.sock", "GET /livez"), 200);
	answer_has("{\"status\":\"ok\"}");
	ck_assert_int_eq(ask("admin.sock", "GET /readyz"), 200);
	answer_has("{\"status\":\"ready\",\"config_generation\":1,\"workers\":2,\"ledger\":"
		   "\"none\",\"redis\":\"none\",\"targets\":{\"a\":\"up\"}}");
	ck_assert_int_eq(ask("admin.sock", "GET /metrics"), 200);
	answer_has("\ntollgate_config_generation 1\n");
	end();
	ck_assert_int_eq(dial("gw.sock"), -1);
	ck_assert_int_eq(dial("admin.sock"), -1);
	ck_assert(strstr(file(error_path), "msg=\"ended\" exit=0\n") != NULL);
	/* the request was logged before the end */
	ck_assert(strstr(file(access_path_), "\"path\":\"/\"") != NULL);
}
END_TEST

START_TEST(target_down)
{
	ck_assert_int_eq(start(GOOD), 0);
	atomic_store(&k->conf->targets[0].state->drained, true);
	ck_assert_int_eq(ask("admin.sock", "GET /readyz"), 200);
	answer_has("\"targets\":{\"a\":\"drained\"}");
	end();
}
END_TEST

static const struct {
	const char *conf, *says;
} failing[] = {
	{ "listen: 127.0.0.1:0\nnosuch: 1\n" A, "t.yaml:2:1: " },
	{ "listen: 'unix:DIR/nosuch/gw.sock'\n" A, "nosuch/gw.sock" },
	{ "listen: 127.0.0.1:0\nadmin: { address: 'unix:DIR/nosuch/admin.sock' }\n" A,
		"admin.sock" },
	{ "listen: 127.0.0.1:0\nlog: { access: DIR/nosuch/a }\n" A, "nosuch/a" },
	{ "listen: 127.0.0.1:0\nlog: { error: DIR/nosuch/e }\n" A, "No such file or directory" },
};

/* -1 with the reason where the operator looks. In a process of its own: the threads are left to it.
 */
START_TEST(start_fails)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(error_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		dup2(fd, STDERR_FILENO);
		_exit(start(failing[_i].conf) == -1 ? 42 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_msg(WEXITSTATUS(status) == 42, "%d: %s", WEXITSTATUS(status), file(error_path));
	ck_assert_msg(strstr(file(error_path), failing[_i].says) != NULL, "%s", file(error_path));
	ck_assert_str_eq(file(ready_path), "");
}
END_TEST

START_TEST(files)
{
	struct rlimit r;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = TG_MIN(r.rlim_max, (rlim_t)64);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	control_raise_files();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	ck_assert_uint_eq(r.rlim_cur, r.rlim_max);
	control_raise_files(); /* nothing to do */
}
END_TEST

/* ---- reloading */

START_TEST(reload)
{
	struct tg_conf *old;
	struct conf_error err;

	ck_assert_int_eq(start(GOOD), 0);
	old = k->conf;
	plan_get(old); /* to look at it afterwards */
	write_conf("workers: 3\nlisten: [ 'unix:DIR/gw.sock', 'unix:DIR/two.sock' ]\n"
		   "admin: { address: 'unix:DIR/other.sock' }\n"
		   "log: { error: DIR/error.log, access: DIR/access.jsonl, level: warn }\n"
		   "limits: { memory: 2g }\n" A);
	ck_assert_int_eq(control_reload(k, &err), 0);
	ck_assert_uint_eq(k->generation, 2);
	UNTIL(atomic_load(&old->refs) == 1); /* every worker has let go of it */
	plan_put(old);
	ck_assert_int_eq(ask("gw.sock", "GET /"), 200);
	ck_assert_int_eq(ask("two.sock", "GET /"), 200);
	ck_assert_int_eq(ask("admin.sock", "GET /readyz"), 200);
	answer_has("\"config_generation\":2,\"workers\":2");
	ck_assert_int_eq(atomic_load(&log_threshold), LOG_L_WARN);
	/* What is not taken up is named, and nothing else. */
	ck_assert(strstr(file(error_path), "directive=workers\n") != NULL);
	ck_assert(strstr(file(error_path), "directive=limits.memory\n") != NULL);
	ck_assert(strstr(file(error_path), "directive=admin.address\n") != NULL);
	ck_assert(strstr(file(error_path), "directive=log.error\n") == NULL);
	/* An address that goes takes its socket with it. */
	write_conf(GOOD);
	ck_assert_int_eq(control_reload(k, &err), 0);
	UNTIL(dial("two.sock") < 0);
	end();
}
END_TEST

static const struct {
	const char *conf, *says;
} refused[] = {
	{ "nosuch: 1\n" A, "t.yaml:1:1: " },
	{ "listen: [ 'unix:DIR/new.sock', 'unix:DIR/nosuch/x.sock' ]\n" A, "nosuch/x.sock" },
	{ "", "t.yaml" },
};

/* The old one goes on, whole. */
START_TEST(reload_refused)
{
	struct conf_error err;
	struct tg_conf *old;

	ck_assert_int_eq(start(GOOD), 0);
	old = k->conf;
	write_conf(refused[_i].conf);
	ck_assert_int_eq(control_reload(k, &err), -1);
	ck_assert_msg(strstr(err.text, refused[_i].says) != NULL, "%s", err.text);
	ck_assert_msg(strstr(file(error_path), refused[_i].says) != NULL, "%s", file(error_path));
	ck_assert_ptr_eq(k->conf, old);
	ck_assert_uint_eq(k->generation, 1);
	ck_assert_int_eq(dial("new.sock"), -1);
	ck_assert_int_eq(ask("gw.sock", "GET /"), 200);
	/* The same by way of the admin listener. */
	ck_assert_int_eq(ask("admin.sock", "POST /admin/v1/reload"), 400);
	answer_has("invalid_configuration");
	ck_assert_int_eq(ask("admin.sock", "GET /metrics"), 200);
	answer_has("\ntollgate_config_reload_failures_total 2\n");
	answer_has("\ntollgate_config_generation 1\n");
	write_conf(GOOD);
	ck_assert_int_eq(ask("admin.sock", "POST /admin/v1/reload"), 200);
	answer_has("{\"status\":\"reloaded\"}");
	ck_assert_uint_eq(k->generation, 2);
	end();
}
END_TEST

/* ---- signals */

START_TEST(hup)
{
	ck_assert_int_eq(start(GOOD), 0);
	kill(getpid(), SIGHUP);
	UNTIL(k->generation == 2);
	on_term(0, 0, k);
	on_hup(0, 0, k); /* not while draining: nobody is left to take it up */
	ck_assert_uint_eq(k->generation, 2);
	UNTIL(exited());
	control_end(k);
}
END_TEST

START_TEST(usr1)
{
	char moved[200];

	ck_assert_int_eq(start(GOOD), 0);
	snprintf(moved, sizeof moved, "%s.1", error_path);
	ck_assert_int_eq(rename(error_path, moved), 0);
	snprintf(moved, sizeof moved, "%s.1", access_path_);
	ck_assert_int_eq(rename(access_path_, moved), 0);
	kill(getpid(), SIGUSR1);
	UNTIL(access(error_path, F_OK) == 0 && access(access_path_, F_OK) == 0);
	ck_assert_int_eq(ask("gw.sock", "GET /"), 200);
	end();
	ck_assert(strstr(file(access_path_), "\"path\":\"/\"") != NULL);
}
END_TEST

/* A request that is under way keeps the process until it is done, or until the second signal. */
START_TEST(term)
{
	char text[256];
	int fd, n;

	ck_assert_int_eq(start(GOOD), 0);
	fd = dial("gw.sock");
	ck_assert_int_ge(fd, 0);
	n = snprintf(text, sizeof text, "POST / HTTP/1.1\r\nhost: gw\r\ncontent-le");
	ck_assert_int_eq(write(fd, text, (size_t)n), n);
	UNTIL(stat_get(&k->workers[0].stats.c[WC_CONNECTIONS]) +
			stat_get(&k->workers[1].stats.c[WC_CONNECTIONS]) ==
		1);
	UNTIL(stat_get(&k->workers[0].stats.c[WC_BYTES_IN]) +
			stat_get(&k->workers[1].stats.c[WC_BYTES_IN]) ==
		(uint64_t)n);
	kill(getpid(), SIGTERM);
	UNTIL(k->draining);
	UNTIL(dial("gw.sock") < 0); /* nobody new */
	ck_assert_int_eq(ask("admin.sock", "GET /readyz"), 503);
	answer_has("\"draining\"");
	ck_assert(!exited());
	kill(getpid(), SIGTERM);
	UNTIL(exited());
	ck_assert(strstr(file(error_path), "ending now") != NULL);
	UNTIL(event_base_got_break(k->base)); /* the tick has seen it: control_run goes on */
	control_end(k);
	/* One more on the way out does not turn a clean end into a death by signal. */
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGHUP);
	close(fd);
}
END_TEST

/* ---- what a crash says */

START_TEST(panic_names_the_request)
{
	static struct fake f;
	FILE *err = tmpfile();
	char text[512] = "";
	int old = dup(STDERR_FILENO);
	struct req *r;

	fake_init(&f, "listen: 127.0.0.1:0\ntenants: { me: {} }\n" A);
	panic_hook(); /* no request: no word */
	r = fake_req(&f, fake_conn(&f), "GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n");
	r->tenant = &f.conf->tenants[0];
	f.w.current = r;
	fflush(stderr);
	dup2(fileno(err), STDERR_FILENO);
	panic_hook();
	fflush(stderr);
	dup2(old, STDERR_FILENO);
	rewind(err);
	ck_assert(fgets(text, sizeof text, err) != NULL);
	ck_assert_msg(strstr(text, r->id) != NULL, "%s", text);
	ck_assert_msg(strstr(text, "tenant me path /v1/models stage ") != NULL, "%s", text);
	fclose(err);
	close(old);
	f.w.current = NULL;
	fake_fini(&f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, life);
	tcase_add_test(tc, target_down);
	tcase_add_loop_test(tc, start_fails, 0, sizeof failing / sizeof *failing);
	tcase_add_test(tc, files);
	tcase_add_test(tc, reload);
	tcase_add_loop_test(tc, reload_refused, 0, sizeof refused / sizeof *refused);
	tcase_add_test(tc, hup);
	tcase_add_test(tc, usr1);
	tcase_add_test(tc, term);
	tcase_add_test(tc, panic_names_the_request);
}

UNIT_MAIN("control", tests)
