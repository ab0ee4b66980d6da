/*
 * quotasync_targets.c: what members tell each other of targets (core/peers.h), over the connection
 * of shared limits. Control thread.
 *
 *	each second:  SET PREFIX{t}:MEMBER text PX 5000     when there is something to tell
 *	              MGET PREFIX{t}:OTHER ...              -> peers_read, peers_apply
 *
 * A failure of these calls changes nothing but that: what was heard fades, and is asked again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/num.h"
#include "core/peers.h"
#include "quotasync_int.h"

#define EACH_US    1000000
#define KEPT_MS    5000
#define KEY_BYTES  256
#define MGET_WORDS (CFG_MEMBERS_MAX + 1)

static struct {
	struct peers *peers; /* NULL: not yet, or not wanted */
	mono_us at;
	unsigned calls;                           /* under way */
	unsigned asked[CFG_MEMBERS_MAX], n_asked; /* of the MGET under way: members, in order */
	bool failed;                              /* the log has said so */
} st;

static struct str key_of(char out[KEY_BYTES], struct str member)
{
	int n = snprintf(out, KEY_BYTES, "%.*s{t}:%.*s", STR_FMT(qs.cfg.prefix), STR_FMT(member));

	tg_assert(n > 0 && n < KEY_BYTES);
	return str_mk(out, (size_t)n);
}

void sync_targets_follow(const struct tg_conf *c)
{
	if (st.peers == NULL)
		return;
	peers_follow(st.peers, c);
	st.n_asked = 0; /* what comes now was asked of other members, perhaps */
}

/* ---- answers */

/* An access list that was made before there were these commands is no reason to give up limits. */
static void said(const struct redis_value *reply)
{
	bool failed = reply != NULL && reply->kind == REDIS_ERROR;

	if (failed && !st.failed)
		log_warn("redis: what is known of targets is not shared", "reason=\"%.*s\"",
			(int)TG_MIN(reply->text.n, (size_t)200), reply->text.p);
	if (reply != NULL)
		st.failed = failed;
	st.calls--;
}

static void on_set(const struct redis_value *reply, const char *why, void *arg)
{
	(void)why;
	(void)arg;
	said(reply);
}

static void stats_now(mono_us now)
{
	const struct peers_stats *s = peers_stats(st.peers);

	qs.stats.peers = peers_alive(st.peers, now);
	qs.stats.peers_refused = s->refused;
	qs.stats.peers_borrowed = s->borrowed;
}

static void on_texts(const struct redis_value *reply, const char *why, void *arg)
{
	mono_us now = clock_mono();

	(void)why;
	(void)arg;
	said(reply);
	if (st.peers == NULL)
		return;
	if (reply != NULL && reply->kind == REDIS_ARRAY && reply->n_items == st.n_asked)
		for (unsigned i = 0; i < st.n_asked; i++) {
			const struct redis_value *v = redis_value_at(reply, i);

			if (v->kind == REDIS_STRING)
				(void)!peers_read(st.peers, st.asked[i], v->text, now);
		}
	peers_apply(st.peers, now);
	stats_now(now);
}

/* ---- calls */

static void tell(mono_us now)
{
	static char text[PEERS_TEXT_MAX];
	char key[KEY_BYTES], ttl[NUM_U64_MAX_LEN];
	size_t n = peers_write(st.peers, now, text);
	struct str k = key_of(key, qs.conf->cfg.member);
	struct str words[] = { STR("SET"), k, str_mk(text, n), STR("PX"),
		str_mk(ttl, num_put_u64(ttl, KEPT_MS)) };

	if (n > 0 && redis_call(qs.redis, k, words, TG_ARRAY_LEN(words), 0, on_set, NULL) == 0)
		st.calls++;
}

static void ask(void)
{
	const struct conf_strings *names = &qs.conf->cfg.redis.members;
	static char key[CFG_MEMBERS_MAX][KEY_BYTES];
	struct str words[MGET_WORDS] = { STR("MGET") };
	unsigned n = 0;

	for (unsigned i = 0; i < names->n; i++) {
		if (str_eq(names->v[i], qs.conf->cfg.member))
			continue;
		st.asked[n] = i;
		words[n + 1] = key_of(key[n], names->v[i]);
		n++;
	}
	st.n_asked = n;
	if (n > 0 && redis_call(qs.redis, words[1], words, n + 1, 0, on_texts, NULL) == 0)
		st.calls++;
}

static bool is_wanted(void)
{
	return qs.conf->cfg.redis.share_targets && qs.conf->cfg.redis.members.n > 1;
}

void sync_targets_turn(mono_us now)
{
	if (!is_wanted()) {
		if (st.peers != NULL && st.calls == 0)
			sync_targets_close();
		return;
	}
	if (qs.redis == NULL || mono_since(now, st.at) < EACH_US || st.calls > 0)
		return;
	st.at = now;
	if (st.peers == NULL) {
		st.peers = peers_new();
		sync_targets_follow(qs.conf);
	}
	tell(now);
	ask();
	stats_now(now);
}

void sync_targets_close(void)
{
	if (st.peers == NULL)
		return;
	peers_forget(st.peers, clock_mono());
	stats_now(clock_mono());
	peers_free(st.peers);
	st.peers = NULL;
}
