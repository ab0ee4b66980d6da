/*
 * mod_tags.c: IDENT: what the request is attributed to: the tags of tenant and key, and those the
 * client adds. A client may add names, never replace one that its tenant or key carries.
 */
#include "base/log.h"
#include "core/hedge.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/shadow.h"
#include "core/tags.h"
#include "modules.h"

static bool tag_listed(const struct conf_strings *s, struct str name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->v[i], name))
			return true;
	return false;
}

/* Several lines are one list (RFC 9110 section 5.3). */
static struct str tags_text(struct req *r)
{
	const struct http_head *h = &r->head;
	struct str all = http_get(h, HTTP_N_X_TOLLGATE_TAGS);

	for (unsigned i = h->first[HTTP_N_X_TOLLGATE_TAGS]; i < h->n_fields; i++)
		if (h->field[i].id == HTTP_N_X_TOLLGATE_TAGS)
			all = arena_printf(&r->arena, "%.*s,%.*s", STR_FMT(all),
				STR_FMT(http_field_value(h, i)));
	return all;
}

/* The client's country, where there is a tag for it and the key does not say otherwise. */
static void tags_of_place(struct req *r, struct conf_tags *all)
{
	struct str name = r->conf->cfg.geoip.tag;
	struct conf_tag tag = { name,
		r->place.country[0] != '\0' ? str_mk(r->place.country, 2) : STR("unknown") };
	struct conf_tags one = { &tag, 1 }, more;
	struct str json;

	if (name.n == 0 || tags_has(all, name))
		return;
	more = tags_merge(&r->arena, all, &one);
	json = tags_json(&r->arena, &more);
	if (more.v == NULL || json.n == 0 ||
		json.n > REC_TAGS_MAX) /* the ledger would not have it */
		return;
	*all = more;
	r->tags_json = json;
}

/* *all: what it has already. 0, or -1 when an error was answered. */
static int tags_from_client(struct req *r, struct conf_tags *all)
{
	const struct cfg_tag_rules *rules = &r->conf->cfg.tags;
	struct conf_tags own;
	struct str bad;

	if (tags_parse(&r->arena, tags_text(r), &own, &bad) != 0) {
		reply_error(r, TG_E_INVALID_TAGS,
			"x-tollgate-tags: '%.*s' is not name=value with a name of "
			"letters, digits, '_', '.' or "
			"'-', given once.",
			(int)TG_MIN(bad.n, (size_t)64), bad.p);
		return -1;
	}
	for (size_t i = 0; i < own.n; i++) {
		if (tags_has(all, own.v[i].name) || str_eq(own.v[i].name, r->conf->cfg.geoip.tag)) {
			reply_error(r, TG_E_INVALID_TAGS,
				"x-tollgate-tags: '%.*s' is set by the %s and cannot be changed.",
				STR_FMT(own.v[i].name),
				tags_has(&r->key->tags, own.v[i].name) ? "key" : "gateway");
			return -1;
		}
		if ((rules->required.n > 0 || rules->optional.n > 0) &&
			!tag_listed(&rules->required, own.v[i].name) &&
			!tag_listed(&rules->optional, own.v[i].name)) {
			reply_error(r, TG_E_INVALID_TAGS,
				"x-tollgate-tags: no tag '%.*s' is configured.",
				STR_FMT(own.v[i].name));
			return -1;
		}
	}
	*all = tags_merge(&r->arena, all, &own);
	r->tags_json = tags_json(&r->arena, all);
	if (r->tags_json.n > REC_TAGS_MAX) { /* the ledger would not have them */
		reply_error(r, TG_E_INVALID_TAGS,
			"x-tollgate-tags: all tags together are longer than %d bytes.",
			REC_TAGS_MAX);
		return -1;
	}
	return 0;
}

/* Once a minute per worker: one key without a tag would fill the log. */
static bool tags_may_warn(struct req *r)
{
	static _Thread_local int64_t next_us;
	mono_us now = worker_now(r->w);

	if (now.us < next_us)
		return false;
	next_us = now.us + 60000000;
	return true;
}

static enum step_rc tags_required(struct req *r, const struct conf_tags *all)
{
	const struct cfg_tag_rules *rules = &r->conf->cfg.tags;

	for (size_t i = 0; i < rules->required.n; i++) {
		if (tags_has(all, rules->required.v[i]))
			continue;
		if (rules->on_missing == CFG_MISSING_REJECT)
			return reply_error(r, TG_E_INVALID_TAGS,
				"The tag '%.*s' is required: send x-tollgate-tags: %.*s=VALUE.",
				STR_FMT(rules->required.v[i]), STR_FMT(rules->required.v[i]));
		if (rules->on_missing == CFG_MISSING_WARN && tags_may_warn(r))
			log_warn("tag missing", "tag=%.*s key=%.*s request=%s",
				STR_FMT(rules->required.v[i]), STR_FMT(r->key->id), r->id);
	}
	return STEP_NEXT;
}

static enum step_rc tags_ident(struct req *r)
{
	struct conf_tags all = r->key->tags;

	if (TG_UNLIKELY(r->shadow != NULL)) { /* nothing of its original's: that pays for none */
		r->tags_json = r->shadow->shadow->tags_json;
		return STEP_NEXT;
	}
	if (TG_UNLIKELY(hedge_is_twin(r))) /* they are its original's */
		return STEP_NEXT;
	r->session = http_get(&r->head, HTTP_N_X_TOLLGATE_SESSION);
	r->end_user = http_get(&r->head, HTTP_N_X_TOLLGATE_END_USER);
	r->tags_json = r->key->tags_json;
	tags_of_place(r, &all);
	if (r->head.first[HTTP_N_X_TOLLGATE_TAGS] != 0 && tags_from_client(r, &all) != 0)
		return STEP_REPLY;
	return tags_required(r, &all);
}

const struct tg_module mod_tags = {
	.name = "tags",
	.stage = { [STAGE_IDENT] = tags_ident },
};
