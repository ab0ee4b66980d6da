/*
 * serve.c: the model's Redis (lease_redis.c) as a process that is told what arrives, a line each,
 * and says what it has then. t/e2e/test_quota_model.py lets quota.lua do the same beside it.
 *
 *   serve MEMBER KIND ACCOUNT SERVER WANT G S EPOCH STALE   KIND: 1 sync, 2 RETURN, 3 "all
 * asserted" know MEMBER EPOCH      the member has saved that epoch late MEMBER EPOCH      a call of
 * the member that says that epoch is under way copy | promote | flush SERVER
 *
 * Reply: done RUN LEARNING EPOCH ASSERTED, of each account SYNCED G G S S, of each member its saved
 * epoch and that of its late call. New epochs move those above them, as in the model.
 */
#include <stdio.h>
#include <string.h>

#include "model/lease.h"

static const struct variant variant = { .name = "serve",
	.what = "quota.lua beside it",
	.model = &lease_model,
	.rules = LEASE_LEARN | LEASE_EPOCH | LEASE_GUARD | LEASE_RETURN | LEASE_PRUNE |
		 LEASE_REPORT | LEASE_INCARNATION,
	.limit = 3,
	.accounts = ACCOUNTS };

static void say(const struct lease *l, unsigned at, bool done)
{
	const struct lease_server *server = &l->server[at];

	printf("%d %d %d %d %d", done, server->run, server->learning, server->epoch,
		server->asserted);
	for (int a = 0; a < ACCOUNTS; a++)
		printf(" %d %d %d %d %d", server->synced[a], server->g[a][0], server->g[a][1],
			server->s[a][0], server->s[a][1]);
	for (int m = 0; m < MEMBERS; m++)
		printf(" %d %d", l->member[m].mark, l->member[m].op[0].epoch);
	printf("\n");
	fflush(stdout);
}

/* False: the line says nothing that is known, or a number out of its range. */
static bool serve(struct lease *l, const char *line)
{
	unsigned m, kind, a, at, want, g, s, epoch, stale;
	int n = sscanf(line, "serve %u %u %u %u %u %u %u %u %u", &m, &kind, &a, &at, &want, &g, &s,
		&epoch, &stale);

	if (n != 9 || m >= MEMBERS || kind < OP_SYNC || kind > OP_ASSERT || a >= ACCOUNTS ||
		at >= SERVERS || want > 1 || g > 15 || s > 15 || epoch > 15)
		return false;
	struct lease_op op = { .kind = (uint8_t)kind,
		.account = (uint8_t)a,
		.server = (uint8_t)at,
		.stale = stale != 0,
		.want = (uint8_t)want,
		.g = (uint8_t)g,
		.s = (uint8_t)s,
		.epoch = (uint8_t)epoch,
		.mark = (uint8_t)epoch };
	say(l, at, lease_serve(&variant, l, (uint8_t)m, &op, true));
	return true;
}

static bool change(struct lease *l, const char *line)
{
	unsigned m, epoch;

	if (sscanf(line, "know %u %u", &m, &epoch) == 2 && m < MEMBERS && epoch < 16) {
		l->member[m].mark = (uint8_t)epoch;
	} else if (sscanf(line, "late %u %u", &m, &epoch) == 2 && m < MEMBERS && epoch < 16) {
		l->member[m].op[0].epoch = l->member[m].op[0].mark = (uint8_t)epoch;
	} else if (!strcmp(line, "copy\n")) {
		l->server[1] = l->server[0];
		l->server[1].alive = 0;
	} else if (!strcmp(line, "promote\n")) {
		l->server[1].alive = 1;
	} else if (sscanf(line, "flush %u", &m) == 1 && m < SERVERS) {
		memset(&l->server[m], 0, sizeof l->server[m]);
		l->server[m].alive = 1;
	} else {
		return false;
	}
	say(l, l->server[1].alive, true);
	return true;
}

int main(void)
{
	struct lease l = { 0 };
	char line[128];

	l.server[0].alive = 1;
	while (fgets(line, sizeof line, stdin))
		if (!serve(&l, line) && !change(&l, line)) {
			fprintf(stderr, "serve: what is \"%s\"?\n", line);
			return 2;
		}
	return 0;
}
