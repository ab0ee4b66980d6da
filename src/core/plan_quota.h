/*
 * plan_quota.h: which limits a request is held to: the slots of its key, its tenant, its org and of
 * every budget that counts it, and the account that each leads to now.
 *
 *	limit of a scope --slot--> account of the present period, in the process' table
 *
 * The control thread makes the slots with the plan (plan_quota_build), gives them their accounts
 * (plan_quota_open) and, twice a second, those of the next periods (plan_quota_turn). Workers only
 * read. A slot keeps the references of its last, present and next account: a worker that has just
 * read the one before may still look at it, for periods are hours long.
 */
#ifndef TG_CORE_PLAN_QUOTA_H
#define TG_CORE_PLAN_QUOTA_H

#include "conf/conf.h"
#include "quota/hold.h"
#include "quota/table.h"
#include "quota/window.h"

struct tg_conf;
struct req;
struct key;
struct tenant;
struct cfg_budget;
struct cfg_quota;
struct worker;

struct quota_raise { /* more of a limit, until then */
	int64_t amount;
	wall_us until;
	struct quota_raise *next;
};

enum quota_source { /* what a slot is to requests: most are limits */
	QUOTA_SOURCE_LIMIT,
	QUOTA_SOURCE_RESERVED,  /* a part of a limit that is one tenant's, drawn on before it */
	QUOTA_SOURCE_CREDIT,    /* drawn on when the scope's limits on cost are used up; */
	QUOTA_SOURCE_OVERDRAFT, /* when credits are, too */
};

struct quota_slot {
	const struct quota_limit *limit;
	const struct zone *zone;
	struct str scope;                /* "tenant:acme" */
	int64_t base;                    /* the limit's amount: as configured, or by hand */
	_Atomic int64_t whole;           /* with the increases of now */
	int64_t amount;                  /* of it, what this process may use by itself: all, or its
					    even part of what members share (quota/share.h) */
	struct quota_raise *raises;      /* the one that ends first is the first one */
	_Atomic int64_t raised_until_us; /* when `whole` changes next; INT64_MAX: never */
	const struct cfg_budget *budget; /* of a budget; otherwise NULL */
	enum quota_source source;
	struct str source_name;             /* of a credit; the tenant of a reserved part */
	wall_us from, until;                /* of a credit: when it can be drawn on */
	const struct quota_slot *part_of;   /* of a reserved part: the limit */
	const struct quota_scope *purse_of; /* of a credit or an overdraft */
	struct quota_slot *reserved;        /* of a limit: its parts, */
	unsigned n_reserved;
	int64_t kept; /* which have so much of it */
	/* Control thread writes, workers read; a reference each. */
	_Atomic(struct quota_account *) now, next;
	struct quota_account *last; /* the control thread's */
};

/* Has it no next period? */
static inline bool quota_slot_is_fixed(const struct quota_slot *s)
{
	return s->source == QUOTA_SOURCE_CREDIT || s->source == QUOTA_SOURCE_OVERDRAFT;
}

static inline bool quota_slot_has_period(const struct quota_slot *s)
{
	return s->limit->kind == QUOTA_STOCK;
}

struct quota_scope {
	struct quota_slot *slot;
	unsigned n;
	bool falls;               /* requests may draw on several sources (quota/fall.h): */
	struct quota_slot *purse; /* credits, what expires first, then the overdraft */
	unsigned n_purse;
	enum quota_purse whose;
};

/* Limits of each session or each end user, whose accounts are made as they come. */
#define QUOTA_GUEST_LIMITS 12 /* of one request */
struct quota_guests_of {
	struct quota_guest_limit {
		struct quota_limit limit;
		const struct zone *zone;
		struct str scope; /* "session:acme", "end_user.key:k" */
	} * v;
	unsigned n;
};

struct quota_budget {
	const struct cfg_budget *cfg;
	struct quota_scope scope;
	bool of_target; /* it matches one */
};

enum match_word {
#define X(id, member) MATCH_##id,
#include "core/tbl/match_words.h"
#undef X
	MATCH__MAX
};

/* Who asked for what of whom. Tags: a JSON object of strings. */
struct quota_who {
	union {
		struct {
#define X(id, member) struct str member;
#include "core/tbl/match_words.h"
#undef X
		};
		struct str of[MATCH__MAX];
	};
	struct str tags;
};

/*
 * Which budgets may count the requests of a key: found once, so that a request is asked only what
 * differs between those of the key. Tags of the key and its tenant cannot be changed by a request.
 */
#define QUOTA_ASKED_TAGS 32
struct quota_maybe {
	const struct quota_budget *budget;
	struct str model;  /* empty: any */
	struct str target; /* empty: any */
	struct quota_asked_tag {
		unsigned name; /* which of the names below */
		struct str value;
	} * tag; /* that the request must bring itself */
	unsigned n_tags;
};

struct quota_maybes {
	struct quota_maybe *v; /* those that ask for a target last */
	unsigned n, lasting;   /* so many ask for none */
	const struct str *name;
	unsigned n_names;
};

struct plan_quota {
	wall_us now; /* as the control thread has last seen it: which increases are in force */
	struct quota_slot *slots; /* of all scopes */
	unsigned n_slots, cap_slots;
	struct quota_budget *budgets;
	unsigned n_budgets;
	bool guests;         /* somebody has limits of sessions or end users */
	struct zone **zones; /* each once */
	unsigned n_zones;
};

/* Slots without accounts yet. -1 with err. */
int plan_quota_build(struct tg_conf *c, struct conf_error *err) TG_MUST_CHECK;
/* "file:line:col: ...": -1. */
int plan_quota_fail(struct conf_error *err, const struct conf_pos *pos, const char *fmt, ...)
	TG_PRINTF(3, 4);
void plan_quota_fini(struct tg_conf *c);

/*
 * Accounts of the present periods. Limits of those that are there already stay as they are, so that
 * the plan can still be given up; plan_quota_apply sets them. visit(arg, slot, account) is called
 * for each account that counts a period, and for each bucket of rolling windows: whoever knows
 * whether the account has counted all along restores it. -1 with why.
 */
typedef void plan_quota_visit_f(void *arg, const struct quota_slot *s, struct quota_account *a);
int plan_quota_open(struct tg_conf *c, struct quota_table *t, struct quota_time now,
	plan_quota_visit_f *visit, void *arg, char *why, size_t why_size) TG_MUST_CHECK;
void plan_quota_apply(struct tg_conf *c);
/*
 * Of several members that share limits without asking each other (rates, gauges, rolling windows):
 * what one of them has of it. Those that come first have what does not divide; a rate is never 0.
 */
int64_t plan_quota_share(const struct quota_limit *l, unsigned members, unsigned index);
/* Called with every account of a calendar period that is new, before any worker can find it. */
void plan_quota_on_new(void (*f)(struct quota_account *a));
/* ---- plan_quota_sources.c */

/* How many slots they need. */
unsigned plan_quota_sources_count(const struct tg_conf *c);
/*
 * Credits (cfg_credit) and overdraft of a scope, whose limits are there; parts of its limits
 * (cfg_reserved). tenants: which may have one. -1 with err.
 */
int plan_quota_purse(struct tg_conf *c, struct quota_scope *scope, const struct conf_array *credits,
	int64_t overdraft_pico, enum quota_purse whose, const struct conf_pos *pos,
	struct conf_error *err) TG_MUST_CHECK;
typedef bool plan_quota_belongs_f(const struct tenant *t, struct str name);
int plan_quota_reserved(struct tg_conf *c, struct quota_scope *scope, const struct conf_array *list,
	plan_quota_belongs_f *belongs, struct str name, struct conf_error *err) TG_MUST_CHECK;
/* The most steps (quota_step) that requests of the tenant have. */
unsigned plan_quota_steps(const struct quota_scope *scope, const struct tenant *t);

/* ---- plan_quota_amount.c */

/* Adds increases (cfg_increase) to the slots of their scope. -1 with err: there is no such limit.
 */
int plan_quota_raises(struct tg_conf *c, struct quota_scope *scope, const struct conf_array *list,
	struct conf_error *err) TG_MUST_CHECK;
int plan_quota_amounts_fit(const struct tg_conf *c, struct conf_error *err) TG_MUST_CHECK;
/* What this process may use of the slot's limit at some time. */
int64_t plan_quota_amount_at(const struct tg_conf *c, const struct quota_slot *s, wall_us at);
/* Now (c->quota.now). True: it is another amount than before. */
bool plan_quota_amount_turn(struct tg_conf *c, struct quota_slot *s);
/* Control thread: the limit has another amount, by hand, from the next plan_quota_apply on; -1: as
 * configured again. */
void plan_quota_set_amount(struct tg_conf *c, struct quota_slot *s, int64_t whole);
/* Accounts of the periods that come next, and on to them when they have come. */
void plan_quota_turn(struct tg_conf *c, struct quota_table *t, struct quota_time now);

/* Worker: its clock. */
struct quota_time plan_quota_time(struct worker *w);
/* The accounts of a request, narrow ones first. The first ones may be guests': those have a
 * reference each, which is to be given back. */
struct quota_path {
	struct quota_account *account[QUOTA_PATH_MAX];
	unsigned guests;
	unsigned n, lasting; /* those behind are of the target that it is sent to */
	struct quota_step step[QUOTA_FALL_MAX]; /* besides: what may come from several sources */
	unsigned n_steps;
};
/* Any thread: the account of the period that `now` is in; NULL: it is over, or has not begun. */
struct quota_account *plan_quota_account(const struct quota_slot *s, wall_us now);
/* Worker: of the leg that begins. -1: one is missing (its period has begun, and its account could
 * not be made). */
int plan_quota_path(const struct req *r, wall_us now, struct quota_path *out) TG_MUST_CHECK;
/* Is there a budget that would count the request if it were for this model (of the client's name)?
 */
bool plan_quota_asks_model(const struct req *r, struct str model);

/* ---- plan_quota_guests.c */

/* Of a tier (NULL: none) and a tenant, or of a key alone. Control thread. */
void plan_quota_guests_build(struct tg_conf *c, struct quota_guests_of *to, struct str scope,
	const struct zone *z, const struct cfg_quota *tier, const struct cfg_quota *own);
/* Where their accounts are, from the first plan on that has such limits. -1: no memory. */
int plan_quota_guests_open(const struct tg_conf *c) TG_MUST_CHECK;
void plan_quota_guests_close(void);
/* Worker: the accounts of one session or end user (id) onto the path. -1: no place for them. */
int plan_quota_guests_add(struct quota_path *path, const struct quota_guests_of *of, struct str id,
	struct quota_time now) TG_MUST_CHECK;

/* What one charge of that time was, onto those of their accounts that count periods, if the present
 * one was the charge's, too. Control thread, before requests come. */
void plan_quota_guests_restore(const struct quota_guests_of *of, struct str id, wall_us charged,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now);

/* ---- plan_quota_match.c */

/* Does a budget count requests of these? */
bool plan_quota_matches(const struct cfg_budget *b, const struct quota_who *who);
/* Is the tag there with that value? tags: as tags_json() makes them. */
bool plan_quota_has_tag(struct str tags, struct str name, struct str value);
/* MATCH__MAX: it is no such word. */
enum match_word plan_quota_word(struct str name);
/* Control thread: the key's budgets. -1: they ask for too many different tags. */
int plan_quota_maybes(struct tg_conf *c, struct key *k) TG_MUST_CHECK;

#endif
