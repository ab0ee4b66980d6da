/*
 * check_listeners.c: listening sockets over reloads: kept where the address stays, closed where it
 * goes, and when one of a new configuration cannot be opened nothing has changed: no descriptor, no
 * socket file.
 */
#include "unit/core/fake.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "listeners.c"

static struct fake f;
static struct tg_conf *confs[8];
static unsigned n_confs;
static char dir[128], err[256];

#define REST                                                                   \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n" \
	"models: { m: { targets: a } }\n"

/* A configuration that listens there; DIR is the test's own directory. */
static struct tg_conf *conf(const char *listen)
{
	char yaml[16384] = "listen: ", *p = yaml + 8;
	struct conf_error why = { { 0 } };
	struct tg_conf *c;

	for (const char *s = listen; *s != '\0'; s++) {
		if (strncmp(s, "DIR", 3) == 0) {
			p += sprintf(p, "%s", dir);
			s += 2;
		} else {
			*p++ = *s;
		}
	}
	strcpy(p, "\n" REST);
	c = fake_plan(f.resolver, yaml, 2 + n_confs, &why);
	ck_assert_msg(c != NULL, "%s", why.text);
	confs[n_confs++] = c;
	return c;
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/check_listeners_XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert(mkdtemp(dir) != NULL);
	fake_init(&f, "listen: 127.0.0.1:0\n" REST);
	n_confs = n_table = 0;
}

static void teardown(void)
{
	listeners_unlink();
	for (unsigned i = 0; i < n_confs; i++)
		plan_put(confs[i]);
	fake_fini(&f);
	ck_assert_msg(rmdir(dir) == 0, "something is left in %s", dir);
}

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert(d != NULL);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static unsigned listening(void)
{
	unsigned n = 0;

	list_foreach_safe (i, tmp, &f.w.listens)
		n++;
	return n;
}

/* As the control thread does it. */
static void publish(struct tg_conf *c)
{
	ck_assert_msg(listeners_prepare(c, 1, err, sizeof err) == 0, "%s", err);
	listeners_publish(c, &f.w, 1);
	worker_post_conf(&f.w, c);
	fake_turn(&f);
	ck_assert_uint_eq(listening(), c->n_listen);
}

static bool connects(const struct sockaddr_any *to)
{
	int fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = to->u.sa.sa_family == AF_UNIX ? sizeof to->u.un : to->len;
	bool ok = connect(fd, &to->u.sa, len) == 0;

	close(fd);
	return ok;
}

static bool there(const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

START_TEST(reload)
{
	struct tg_conf *one = conf("[ '127.0.0.1:0', 'unix:DIR/a.sock' ]"), *two, *three;
	unsigned port;

	publish(one);
	port = one->listen[0].bound.u.in.sin_port;
	ck_assert_uint_ne(port, 0);
	ck_assert(connects(&one->listen[0].bound));
	ck_assert(connects(&one->listen[1].bound));
	/* The same again, one more: the port the kernel chose stays. */
	two = conf("[ 'unix:DIR/b.sock', '127.0.0.1:0', 'unix:DIR/a.sock' ]");
	publish(two);
	ck_assert_uint_eq(two->listen[1].bound.u.in.sin_port, port);
	ck_assert(connects(&two->listen[0].bound));
	/* All but one are dropped: their sockets are closed and the files gone. */
	three = conf("[ 'unix:DIR/b.sock' ]");
	publish(three);
	ck_assert(connects(&three->listen[0].bound));
	ck_assert(!connects(&one->listen[0].bound));
	ck_assert(!there("a.sock"));
	ck_assert(there("b.sock"));
	/* And come back */
	publish(conf("[ 'unix:DIR/a.sock', 'unix:DIR/b.sock' ]"));
	ck_assert(there("a.sock"));
	fake_turn(&f);
	fake_turn(&f);
}
END_TEST

static const char *const impossible[] = {
	"[ '127.0.0.1:0', 'unix:DIR/new.sock', 'unix:/nonexistent/dir/x.sock' ]",
	"[ 'unix:/nonexistent/dir/x.sock', '127.0.0.1:0' ]",
	"[ 'unix:DIR/a.sock', '127.0.0.1:0', 'unix:DIR/new.sock', '192.0.2.1:1' ]",
};

START_TEST(rollback)
{
	struct tg_conf *good = conf("[ '127.0.0.1:0', 'unix:DIR/a.sock' ]"), *bad, *after;
	unsigned fds, port;

	publish(good);
	port = good->listen[0].bound.u.in.sin_port;
	fds = open_fds();
	bad = conf(impossible[_i]);
	err[0] = '\0';
	ck_assert_int_eq(listeners_prepare(bad, 3, err, sizeof err), -1);
	ck_assert_str_ne(err, "");
	ck_assert_uint_eq(open_fds(), fds);
	ck_assert_msg(!there("new.sock"), "the socket file of a refused configuration");
	ck_assert_uint_eq(n_table, 2);
	/* What was there goes on, and the next reload finds it. */
	ck_assert(connects(&good->listen[0].bound));
	ck_assert(connects(&good->listen[1].bound));
	after = conf("[ '127.0.0.1:0', 'unix:DIR/new.sock' ]");
	publish(after);
	ck_assert_uint_eq(after->listen[0].bound.u.in.sin_port, port);
	fake_turn(&f);
}
END_TEST

/* A port in use is refused with the address in the text. */
START_TEST(in_use)
{
	struct sockaddr_any any;
	char text[72], addr[64];
	int fd;

	ck_assert_int_eq(sockaddr_parse(STR("127.0.0.1:0"), &any, err, sizeof err), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, &any.u.sa, sizeof any.u.in), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, &any.u.sa, &(socklen_t){ sizeof any.u.in }), 0);
	sockaddr_format(&any, addr, sizeof addr);
	snprintf(text, sizeof text, "'%s'", addr);
	ck_assert_int_eq(listeners_prepare(conf(text), 1, err, sizeof err), -1);
	ck_assert_msg(strstr(err, addr) != NULL, "%s", err);
	close(fd);
}
END_TEST

/* Every worker has a socket of its own on the same port; unix sockets are shared. */
START_TEST(per_worker)
{
	struct tg_conf *c = conf("[ '127.0.0.1:0', 'unix:DIR/a.sock' ]");
	unsigned fds = open_fds();

	ck_assert_int_eq(listeners_prepare(c, 5, err, sizeof err), 0);
	ck_assert_uint_eq(open_fds(), fds + 10);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(table[i].n_fds, 5);
		for (unsigned k = 0; k < 5; k++) {
			struct sockaddr_any at;
			socklen_t len = sizeof at.u;

			ck_assert_int_eq(getsockname(table[i].fds[k], &at.u.sa, &len), 0);
			if (i == 0)
				ck_assert_uint_eq(
					at.u.in.sin_port, c->listen[0].bound.u.in.sin_port);
		}
		listener_close_fds(&table[i]);
	}
}
END_TEST

START_TEST(too_many)
{
	char text[8192] = "[", *p = text + 1;
	unsigned fds = open_fds();

	for (unsigned i = 0; i <= MAX_LISTENERS; i++)
		p += sprintf(p, "%s'unix:DIR/%u'", i > 0 ? "," : "", i);
	strcpy(p, "]");
	ck_assert_int_eq(listeners_prepare(conf(text), 1, err, sizeof err), -1);
	ck_assert(strstr(err, "64") != NULL);
	ck_assert_uint_eq(open_fds(), fds);
	ck_assert_uint_eq(n_table, 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reload);
	tcase_add_loop_test(tc, rollback, 0, sizeof impossible / sizeof *impossible);
	tcase_add_test(tc, in_use);
	tcase_add_test(tc, per_worker);
	tcase_add_test(tc, too_many);
}

UNIT_MAIN("listeners", tests)
