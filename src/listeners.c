/*
 * listeners.c: see listeners.h. Control thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "listeners.h"

#define MAX_LISTENERS 64
#define BACKLOG       4096

struct open_listener {
	char want[128];
	struct sockaddr_any bound;
	int *fds; /* one per worker, until they are handed over */
	unsigned n_fds;
	unsigned generation; /* of the configuration that last named it */
};

static struct open_listener table[MAX_LISTENERS];
static unsigned n_table;

/* The address as configured, and which of several such it is: port 0 may be asked for more than
 * once. */
static void listener_name(const struct tg_conf *conf, unsigned i, char *out, size_t n)
{
	char addr[120], other[120];
	unsigned nth = 0;

	sockaddr_format(&conf->listen[i].want, addr, sizeof(addr));
	for (unsigned k = 0; k < i; k++) {
		sockaddr_format(&conf->listen[k].want, other, sizeof(other));
		nth += strcmp(addr, other) == 0;
	}
	snprintf(out, n, "%s#%u", addr, nth);
}

static struct open_listener *listener_find(const char *want)
{
	for (unsigned i = 0; i < n_table; i++)
		if (strcmp(table[i].want, want) == 0)
			return &table[i];
	return NULL;
}

static void listener_close_fds(struct open_listener *l)
{
	for (unsigned i = 0; i < l->n_fds; i++)
		close(l->fds[i]);
	free(l->fds);
	l->fds = NULL;
	l->n_fds = 0;
}

/* A socket for each worker: SO_REUSEPORT for inet, one shared for unix. */
static int listener_open(struct open_listener *l, const struct sockaddr_any *want,
	unsigned n_workers, char *err, size_t err_len)
{
	const struct sockaddr_any *addr = want;
	int fd;

	l->fds = calloc(n_workers, sizeof(*l->fds));
	tg_assert(l->fds != NULL);
	for (unsigned i = 0; i < n_workers; i++) {
		if (i > 0 && want->u.sa.sa_family == AF_UNIX) {
			fd = dup(l->fds[0]);
			if (fd < 0)
				snprintf(err, err_len, "out of file descriptors");
		} else {
			fd = listen_open(addr, BACKLOG, &l->bound, err, err_len);
		}
		if (fd < 0) {
			listener_close_fds(l);
			return -1;
		}
		l->fds[l->n_fds++] = fd;
		addr = &l->bound;
	}
	return 0;
}

/* Undo what a failed prepare opened. */
static void listeners_rollback(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n_table; i++) {
		if (table[i].n_fds == 0) {
			table[kept++] = table[i];
			continue;
		}
		listener_close_fds(&table[i]);
		if (table[i].bound.u.sa.sa_family == AF_UNIX)
			unlink(table[i].bound.u.un.sun_path);
	}
	n_table = kept;
}

int listeners_prepare(struct tg_conf *conf, unsigned n_workers, char *err, size_t err_len)
{
	struct open_listener *l;
	char want[128];

	for (unsigned i = 0; i < conf->n_listen; i++) {
		listener_name(conf, i, want, sizeof(want));
		l = listener_find(want);
		if (l == NULL) {
			if (n_table == MAX_LISTENERS) {
				snprintf(err, err_len, "more than %d listeners", MAX_LISTENERS);
				listeners_rollback();
				return -1;
			}
			l = &table[n_table];
			memset(l, 0, sizeof(*l));
			snprintf(l->want, sizeof(l->want), "%s", want);
			if (listener_open(l, &conf->listen[i].want, n_workers, err, err_len) != 0) {
				listeners_rollback();
				return -1;
			}
			n_table++;
		}
		conf->listen[i].bound = l->bound;
	}
	return 0;
}

void listeners_publish(struct tg_conf *conf, struct worker *workers, unsigned n_workers)
{
	char want[128], bound[128];
	unsigned kept = 0;

	for (unsigned i = 0; i < conf->n_listen; i++) {
		listener_name(conf, i, want, sizeof(want));
		struct open_listener *l = listener_find(want);
		tg_assert(l != NULL);
		l->generation = conf->generation;
		if (l->n_fds == 0)
			continue;
		for (unsigned w = 0; w < n_workers; w++)
			worker_post_listen(
				&workers[w], l->fds[w], &l->bound, conf->listen[i].tls != NULL);
		free(l->fds);
		l->fds = NULL;
		l->n_fds = 0;
		sockaddr_format(&l->bound, bound, sizeof(bound));
		log_notice("listening", "address=%s tls=%s", bound,
			conf->listen[i].tls != NULL ? "on" : "off");
	}
	for (unsigned i = 0; i < n_table; i++) {
		if (table[i].generation == conf->generation)
			table[kept++] = table[i];
		else if (table[i].bound.u.sa.sa_family == AF_UNIX)
			unlink(table[i].bound.u.un.sun_path);
	}
	n_table = kept;
}

void listeners_unlink(void)
{
	for (unsigned i = 0; i < n_table; i++)
		if (table[i].bound.u.sa.sa_family == AF_UNIX)
			unlink(table[i].bound.u.un.sun_path);
}
