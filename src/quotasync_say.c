/*
 * quotasync_say.c: what operators are told of shared limits: a line in the log at each change,
 * figures for metrics, a word for /readyz. Control thread.
 */
#include <stdio.h>

#include "base/log.h"
#include "quotasync_int.h"

#define UNREACHED_US 1000000 /* a reason is told after so long, once */

struct seen {
	unsigned up, learning, leases;
	char awaited[256];
	enum lease_status status; /* the first that is neither ok nor learn */
};

static void look(struct seen *s)
{
	struct lease_bucket_info b;

	*s = (struct seen){ .status = LEASE_OK };
	for (unsigned i = 0; i < LEASE_BUCKETS; i++) {
		lease_bucket_look(qs.member, i, &b);
		s->up += b.up;
		s->leases += b.leases;
		if (b.up && b.learning && s->learning++ == 0)
			snprintf(s->awaited, sizeof s->awaited, "%.*s", STR_FMT(b.awaited));
		if (b.up && s->status == LEASE_OK && b.status != LEASE_LEARN)
			s->status = b.status;
	}
}

/* Why no node of the client is up: the first one's reason. */
static const char *reason(void)
{
	struct redis_node *n = NULL;

	for (unsigned i = 0; qs.redis != NULL && n == NULL && i < LEASE_BUCKETS; i++)
		if (qs.bucket[i].node == NULL)
			n = redis_node_of_slot(qs.redis, 0);
	return n != NULL ? redis_node_why(n) : "nobody is known to serve it";
}

static void say_up(bool up, mono_us now)
{
	struct sync_said *said = &qs.said;
	const char *why;

	if (up != said->up && up)
		log_notice("redis is up", "limits=shared");
	if (up != said->up && !up)
		said->down_since = now;
	if (up) {
		said->why[0] = '\0';
	} else if (mono_since(now, said->down_since) >= UNREACHED_US || said->up) {
		why = reason();
		if (strcmp(why, said->why) != 0 && strcmp(why, "connecting") != 0) {
			log_error("redis is down",
				"reason=\"%s\" limits=\"what was granted is "
				"spent, then requests get 503\"",
				why);
			snprintf(said->why, sizeof said->why, "%s", why);
		}
	}
	said->up = up;
}

/* Is this member itself among those that have not told yet? Then it is about to. */
static bool awaits_us(const char *awaited)
{
	struct str rest = str_z(awaited), one;

	while (str_split(&rest, ',', &one))
		if (str_eq(one, qs.conf->cfg.member))
			return true;
	return false;
}

static void say_learning(const struct seen *s)
{
	if (s->learning > 0 && !qs.said.learning && !awaits_us(s->awaited)) {
		log_notice("limits are being learned: nothing is granted until all have told",
			"buckets=%u awaited=\"%s\"", s->learning, s->awaited);
		qs.said.learning = true;
	}
	if (s->learning > 0 || s->up == 0 || !qs.said.learning)
		return;
	log_notice("limits are known", "buckets=%u", s->up);
	qs.said.learning = false;
}

static void say_status(enum lease_status status)
{
	if (status == qs.said.status)
		return;
	qs.said.status = status;
	if (status == LEASE_STALE)
		log_error("limits: another process speaks for this member",
			"member=%.*s hint=\"each process needs a `member` of its own; if its "
			"ledger's "
			"folder was lost, a new one\"",
			STR_FMT(qs.conf->cfg.member));
	else if (status == LEASE_MEMBERS)
		log_error("limits: another member has other `redis.members`",
			"hint=\"the same list for all; the newer configuration holds\"");
	else if (status == LEASE_FENCED)
		log_error("limits: this member is fenced", "member=%.*s",
			STR_FMT(qs.conf->cfg.member));
	else
		log_notice("limits: this member is taken again", "member=%.*s",
			STR_FMT(qs.conf->cfg.member));
}

void sync_say(mono_us now)
{
	struct seen s;

	look(&s);
	qs.stats.up = s.up == LEASE_BUCKETS;
	qs.stats.learning = s.learning;
	qs.stats.leased = s.leases;
	if (qs.stopping)
		return;
	say_up(qs.stats.up, now);
	say_learning(&s);
	say_status(s.status);
}

const char *quotasync_status(void)
{
	if (!quotasync_is_on())
		return "none";
	if (!qs.stats.up)
		return "down";
	return qs.stats.learning > 0 ? "learning" : "up";
}
