/*
 * peers_wire.c: what members tell each other, as a text (peers.h). JSON:
 *
 *	{"v":1,"from":"0123456789abcdef","seq":7,"spots":[{"id":"89abcdef01234567",
 *	 "g":2560,"b":256,"f":180000,"t":9000000,"a":120,"o":4100,"n":59000,"w":"0123abcd",
 *	 "k":[["89ab4567",30000]]}],"more":true}
 *
 *	from, seq  the process, and its text's number: one that was seen is no news
 *	id         the spot
 *	g, b       requests that went well and that failed, decayed to now, 1/256
 *	f, t, a    us to the first token, ns per token, and how long ago the last was seen, ms
 *	o          its circuit is open for so many ms more (1: it is being tried)
 *	n, w       the provider is asked again in so many ms, by the account w
 *	k          the same of keys of several
 *	more       not all fits: of what is not in it nothing is said
 *
 * What is 0 or not known is not there. Numbers out of bounds make an entry void, another version
 * the text; members that are not known are passed over.
 */
#include "core/peers_int.h"

#include "base/digest.h"
#include "proto/json_out.h"
#include "proto/json_tree.h"

#define WIRE_VERSION 1
#define VALUES_MAX   32768
#define MEMORY_MAX   (8u << 20)
#define TAIL         32
#define ID_DIGITS    16
#define TAG_DIGITS   8
#define COUNT_MOST   (UINT64_C(1000000) * SPOT_ONE)
#define AGE_MOST_MS  3600000u
#define WAIT_MOST_MS UINT64_C(86400000) /* as HINTS_MOST_US */
#define OPEN_MOST_MS (CIRCUIT_OPEN_MAX_US / 1000)
#define SAY_AGE_US   60000000 /* times that are older are not told */

#define get(p)       atomic_load_explicit(p, memory_order_relaxed)

/* ---- what this member says */

static void put_hex(struct json_out *o, uint64_t v, unsigned digits)
{
	char text[ID_DIGITS];

	for (unsigned i = digits; i-- > 0; v >>= 4)
		text[i] = "0123456789abcdef"[v & 15];
	jo_text(o, str_mk(text, digits));
}

static void put_count(struct json_out *o, const char *key, uint64_t v)
{
	if (v > 0)
		jo_m_u64(o, key, v);
}

static int64_t open_ms(const struct peer_spot *s, mono_us now)
{
	int64_t until = get(&s->route.spot->circuit.open_until_us);

	if (until == 0 || (until == s->open_us && until > now.us))
		return 0;
	return TG_MAX((until - now.us) / 1000, 1);
}

/* What is left of a wait that was not borrowed. */
static int64_t wait_ms(int64_t until, int64_t borrowed, mono_us now)
{
	return until > now.us && until != borrowed ? (until - now.us) / 1000 : 0;
}

static bool keys_wait(const struct peer_spot *s, mono_us now)
{
	for (unsigned i = 0; i < s->route.target->n_keys; i++)
		if (wait_ms(get(&s->route.key_rate[i]->not_before_us), s->key_us[i], now) > 0)
			return true;
	return false;
}

static void put_keys(struct json_out *o, const struct peer_spot *s, mono_us now)
{
	jo_key(o, "k");
	jo_arr(o);
	for (unsigned i = 0; i < s->route.target->n_keys; i++) {
		int64_t ms = wait_ms(get(&s->route.key_rate[i]->not_before_us), s->key_us[i], now);

		if (ms <= 0)
			continue;
		jo_arr(o);
		put_hex(o, s->key[i], TAG_DIGITS);
		jo_u64(o, (uint64_t)ms);
		jo_arr_end(o);
	}
	jo_arr_end(o);
}

static void put_figures(struct json_out *o, const struct spot_figures *f, mono_us now)
{
	int64_t age;

	put_count(o, "g", TG_MIN(f->good, COUNT_MOST));
	put_count(o, "b", TG_MIN(f->bad, COUNT_MOST));
	if (f->first_us == 0)
		return;
	age = now.us - f->timed_us;
	if (age > SAY_AGE_US)
		return;
	put_count(o, "f", TG_MIN(f->first_us, SPOT_TIME_MAX));
	put_count(o, "t", TG_MIN(f->token_ns, SPOT_TIME_MAX));
	put_count(o, "a", (uint64_t)TG_MAX(age, 0) / 1000);
}

static void put_spot(
	struct json_out *o, const struct peer_spot *s, const struct spot_figures *f, mono_us now)
{
	int64_t wait = wait_ms(get(&s->route.spot->not_before_us), s->limit_us, now);

	jo_obj(o);
	jo_key(o, "id");
	put_hex(o, s->id, ID_DIGITS);
	put_figures(o, f, now);
	put_count(o, "o", (uint64_t)open_ms(s, now));
	if (wait > 0) {
		jo_m_u64(o, "n", (uint64_t)wait);
		jo_key(o, "w");
		put_hex(o, s->account, TAG_DIGITS);
	}
	if (keys_wait(s, now))
		put_keys(o, s, now);
	jo_obj_end(o);
}

static bool is_urgent(const struct peer_spot *s, mono_us now)
{
	return open_ms(s, now) > 0 || keys_wait(s, now) ||
	       wait_ms(get(&s->route.spot->not_before_us), s->limit_us, now) > 0;
}

static bool is_known(const struct spot_figures *f, mono_us now)
{
	return f->good + f->bad >= SPOT_ONE / 4 ||
	       (f->first_us > 0 && now.us - f->timed_us < SAY_AGE_US);
}

/* Those that are urgent, or the others: as many as fit. *said counts. False: not all did. */
static bool put_spots(struct json_out *o, struct peers *p, bool urgent, mono_us now, unsigned *said)
{
	for (unsigned i = 0; i < p->n; i++) {
		unsigned at = (p->begin + i) % p->n;
		const struct peer_spot *s = &p->spot[at];
		struct json_out before = *o;
		struct spot_figures f;

		if (is_urgent(s, now) != urgent)
			continue;
		spot_own(s->route.spot, now, &f);
		if (!urgent && !is_known(&f, now))
			continue;
		put_spot(o, s, &f, now);
		if (o->full) {
			*o = before;
			if (!urgent)
				p->begin = at; /* there it goes on, next time */
			return false;
		}
		(*said)++;
	}
	return true;
}

size_t peers_write(struct peers *p, mono_us now, char *out)
{
	struct json_out o;
	unsigned said = 0;
	bool all;

	jo_init(&o, out, PEERS_TEXT_MAX - TAIL);
	jo_obj(&o);
	jo_m_u64(&o, "v", WIRE_VERSION);
	jo_m_text(&o, "from", str_mk(p->own, sizeof p->own));
	jo_m_u64(&o, "seq", ++p->seq);
	jo_key(&o, "spots");
	jo_arr(&o);
	all = put_spots(&o, p, true, now, &said);
	all = put_spots(&o, p, false, now, &said) && all;
	o.cap = PEERS_TEXT_MAX;
	jo_arr_end(&o);
	if (!all)
		jo_m_bool(&o, "more", true);
	jo_obj_end(&o);
	tg_assert(!o.full);
	return said > 0 ? o.n : 0;
}

/* ---- what others say */

/* Absent: 0. -1: no number up to `most`. */
static int count_of(const struct json_node *o, struct str key, uint64_t most, uint64_t *out)
{
	const struct json_node *n = json_get(o, key);

	*out = 0;
	if (n == NULL)
		return 0;
	return json_node_u64(n, out) != 0 || *out > most ? -1 : 0;
}

static int hex_of(const struct json_node *n, unsigned digits, uint64_t *out)
{
	struct str s = json_jstr(n);
	uint8_t bytes[ID_DIGITS / 2];

	*out = 0;
	if (s.p == NULL || s.n != digits || digest_unhex(s, bytes, digits / 2) != 0)
		return -1;
	for (unsigned i = 0; i < digits / 2; i++)
		*out = *out << 8 | bytes[i];
	return 0;
}

static int read_figures(const struct json_node *o, mono_us now, struct spot_figures *f)
{
	uint64_t good, bad, first, token, age;

	if (count_of(o, STR("g"), COUNT_MOST, &good) != 0 ||
		count_of(o, STR("b"), COUNT_MOST, &bad) != 0 ||
		count_of(o, STR("f"), SPOT_TIME_MAX, &first) != 0 ||
		count_of(o, STR("t"), SPOT_TIME_MAX, &token) != 0 ||
		count_of(o, STR("a"), AGE_MOST_MS, &age) != 0)
		return -1;
	*f = (struct spot_figures){ .first_us = (uint32_t)first,
		.token_ns = (uint32_t)token,
		.timed_us = now.us - (int64_t)age * 1000,
		.good = (uint32_t)good,
		.bad = (uint32_t)bad };
	return 0;
}

static int read_key(struct peers *p, struct peer_spot *s, const struct json_node *pair, mono_us now)
{
	uint64_t tag, ms;

	if (pair->type != JSON_ARRAY || hex_of(pair->child, TAG_DIGITS, &tag) != 0 ||
		pair->child->next == NULL || json_node_u64(pair->child->next, &ms) != 0 ||
		ms > WAIT_MOST_MS)
		return -1;
	for (unsigned i = 0; i < s->route.target->n_keys; i++)
		if (s->key[i] == (uint32_t)tag)
			peers_key_limit(p, s, i, now.us + (int64_t)ms * 1000, now);
	return 0;
}

static int read_keys(struct peers *p, struct peer_spot *s, const struct json_node *o, mono_us now)
{
	json_each(pair, json_get_type(o, STR("k"), JSON_ARRAY)) if (read_key(p, s, pair, now) !=
								    0) return -1;
	return 0;
}

/* One spot; -1: void. One that is not ours is none of our business. */
static int read_spot(struct peers *p, unsigned i, const struct json_node *o, mono_us now)
{
	struct peer_word w = { .told_us = now.us, .text = p->texts };
	uint64_t id, open, wait, account = 0;
	struct peer_spot *s;

	if (o->type != JSON_OBJECT || hex_of(json_get(o, STR("id")), ID_DIGITS, &id) != 0 ||
		read_figures(o, now, &w.f) != 0 ||
		count_of(o, STR("o"), OPEN_MOST_MS, &open) != 0 ||
		count_of(o, STR("n"), WAIT_MOST_MS, &wait) != 0 ||
		(wait > 0 && hex_of(json_get(o, STR("w")), TAG_DIGITS, &account) != 0))
		return -1;
	s = peers_find(p, id);
	if (s == NULL)
		return 0;
	w.open = open > 0;
	w.open_until_us = now.us + (int64_t)open * 1000;
	if (wait > 0 && s->account == (uint32_t)account)
		w.not_before_us = now.us + (int64_t)wait * 1000;
	w.left_us = s->word[i].left_us;
	s->word[i] = w;
	return read_keys(p, s, o, now);
}

/* Of what it does not mention any more it knows nothing. */
static void drop_rest(struct peers *p, unsigned i)
{
	for (unsigned k = 0; k < p->n; k++)
		if (p->spot[k].word[i].text != p->texts)
			p->spot[k].word[i] =
				(struct peer_word){ .left_us = p->spot[k].word[i].left_us };
}

/* Another process: it does not know what the one before it was told by providers. */
static void keep_waits(struct peers *p, unsigned i)
{
	for (unsigned k = 0; k < p->n; k++) {
		struct peer_word *w = &p->spot[k].word[i];

		w->left_us = TG_MAX(w->left_us, w->not_before_us);
	}
}

/* The process and the number: 1 it is news, 0 it was heard before, -1 not understood. */
static int read_head(struct peers *p, unsigned i, const struct json_node *root)
{
	struct peer_member *m = &p->member[i];
	struct str from = json_get_jstr(root, STR("from"));
	uint64_t version, seq;

	if (root->type != JSON_OBJECT || count_of(root, STR("v"), WIRE_VERSION, &version) != 0 ||
		version != WIRE_VERSION || from.n != sizeof m->from ||
		count_of(root, STR("seq"), UINT64_MAX, &seq) != 0)
		return -1;
	if (memcmp(m->from, from.p, from.n) != 0)
		keep_waits(p, i);
	else if (m->heard_us != 0 && seq <= m->seq)
		return 0;
	memcpy(m->from, from.p, from.n);
	m->seq = seq;
	return 1;
}

static int read_root(struct peers *p, unsigned i, const struct json_node *root, mono_us now)
{
	const struct json_node *spots = json_get_type(root, STR("spots"), JSON_ARRAY);
	int news = spots == NULL ? -1 : read_head(p, i, root);

	if (news <= 0)
		return news;
	p->member[i].heard_us = now.us;
	p->texts++;
	json_each(o, spots) p->stats.refused += read_spot(p, i, o, now) != 0;
	if (!json_node_true(json_get(root, STR("more"))))
		drop_rest(p, i);
	return 0;
}

int peers_read(struct peers *p, unsigned i, struct str text, mono_us now)
{
	struct json_node *root;
	struct json_fail fail;
	struct arena mem;
	int rc = -1;

	tg_assert(i < p->n_members);
	arena_init(&mem, NULL, MEMORY_MAX);
	if (text.n <= PEERS_TEXT_MAX && json_tree_parse(&mem, text, VALUES_MAX, &root, &fail) == 0)
		rc = read_root(p, i, root, now);
	arena_fini(&mem);
	p->stats.refused += rc != 0;
	return rc;
}
