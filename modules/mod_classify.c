/*
 * mod_classify.c: CLASSIFY: the model a request is for, found by a span scan of its JSON or on the
 * way through its form; whether it streams; and the edits that make it fit: the model's name at the
 * target, usage in the stream.
 */
#include "core/model_check.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/upload.h"
#include "modules.h"
#include "proto/json_scan.h"

/* What is acted on: a body that has one of them twice is refused. */
enum { W_MODEL, W_STREAM, W_STREAM_OPTIONS, W_BOUND, W__N = W_BOUND + BOUND_WATCHES };

static enum step_rc classify_bad_json(struct req *r, const struct json_fail *f)
{
	return reply_error(r, TG_E_INVALID_JSON, "The body is not valid JSON: %s at byte %zu.",
		json_error_text(f->err), f->offset);
}

/* What asks for usage, in the three places it may have to go; known again by where they are. */
static const char ask_all[] = "\"stream_options\":{\"include_usage\":true}";
static const char ask_object[] = "{\"include_usage\":true}";
static const char ask_member[] = "\"include_usage\":true";
static const char ask_value[] = "true";

#define ASK(text) str_mk((text), sizeof(text) - 1)

/* Usage in a chat stream must be asked for (stream_options.include_usage); the chunk is cut out
 * again. -1: answered. */
static int classify_add_usage(struct req *r, const struct json_val *opts)
{
	struct json_watch w[1] = { { STR("include_usage"), { 0 } } };
	struct json_fail f;
	int rc;

	if (opts->type == JSON_NONE) {
		rc = json_edit_insert(&r->edit, ASK(ask_all));
	} else if (opts->type != JSON_OBJECT) {
		rc = json_edit_replace(&r->edit, opts, ASK(ask_object));
	} else if (json_scan_strict(opts->raw, w, 1, &f) != 0) {
		f.offset += (size_t)(opts->raw.p - r->body);
		classify_bad_json(r, &f);
		return -1;
	} else if (json_true(&w[0].val)) {
		return 0;
	} else if (w[0].val.type == JSON_NONE) {
		rc = json_edit_insert_in(&r->edit, opts, ASK(ask_member));
	} else {
		rc = json_edit_replace(&r->edit, &w[0].val, ASK(ask_value));
	}
	tg_assert(rc == 0);
	r->added_usage = true;
	return 0;
}

/* The model's name, from the path (Azure) or the body. -1: answered. */
static int classify_model(struct req *r, const struct json_val *v)
{
	struct str name;
	char *buf;

	if (r->ep.deployment.n > 0) {
		name = r->ep.deployment;
	} else if (v->type == JSON_NONE) {
		reply_error(r, TG_E_MISSING_MODEL, NULL);
		return -1;
	} else if (json_get_plain(v, &name) != 0) {
		buf = arena_alloc(&r->arena, v->raw.n + 1);
		if (buf == NULL || json_decode(v, buf, v->raw.n, &name) != 0) {
			reply_error(r, TG_E_MISSING_MODEL, "'model' must be a string.");
			return -1;
		}
	}
	if (model_take(r, name) != 0)
		return -1;
	return 0;
}

/* The place where each attempt puts its target's name for the model; the last edit, so that its
 * index stays (and clamp_find_edits comes behind it). */
static void classify_edit_model(struct req *r, const struct json_val *v)
{
	static const char placeholder[] = "null";
	struct str with = { placeholder, 4 };
	int rc;

	r->model_inserted = v->type == JSON_NONE;
	rc = r->model_inserted ? json_edit_insert(&r->edit, with)
			       : json_edit_replace(&r->edit, v, with);
	tg_assert(rc == 0);
	for (unsigned i = 0; i < r->edit.n; i++)
		if (r->edit.op[i].with.p == placeholder)
			r->model_edit = (int)i;
}

/* Some providers tell it unasked, and refuse to be asked: the attempt leaves this edit out then. */
static void classify_find_usage_edit(struct req *r)
{
	for (unsigned i = 0; i < r->edit.n && r->added_usage; i++) {
		const char *p = r->edit.op[i].with.p;

		if (p == ask_all || p == ask_object || p == ask_member || p == ask_value)
			r->usage_edit = (int)i;
	}
}

/* As they are before a scan; not written to after start. */
static struct json_watch watches[W__N] = {
	[W_MODEL] = { STR("model"), { 0 } },
	[W_STREAM] = { STR("stream"), { 0 } },
	[W_STREAM_OPTIONS] = { STR("stream_options"), { 0 } },
};
static struct json_filter filter;

__attribute__((constructor)) static void classify_setup(void)
{
	bound_watch(watches + W_BOUND);
	filter = json_filter_of(watches, W__N);
}

static enum step_rc classify_json(struct req *r)
{
	struct json_watch w[W__N];
	struct json_fail f;

	memcpy(w, watches, sizeof w);
	if (json_scan_filtered(str_mk(r->body, r->body_len), w, W__N, filter, &f) != 0)
		return classify_bad_json(r, &f);
	bound_read(&r->bound, r->ep.ep->meter, w + W_BOUND, str_mk(r->body, r->body_len));
	json_edit_init(&r->edit, str_mk(r->body, r->body_len));
	clamp_read(r, w + W_BOUND);
	if (r->ep.ep->id == ENDPOINT_MODERATIONS && w[W_MODEL].val.type == JSON_NONE)
		return STEP_NEXT; /* the model is optional there */
	r->stream = r->ep.ep->id == ENDPOINT_GEMINI_STREAM || json_true(&w[W_STREAM].val);
	if (classify_model(r, &w[W_MODEL].val) != 0)
		return STEP_REPLY;
	if (r->stream &&
		(r->ep.ep->meter == METER_OPENAI_CHAT ||
			r->ep.ep->meter == METER_OPENAI_COMPLETIONS) &&
		classify_add_usage(r, &w[W_STREAM_OPTIONS].val) != 0)
		return STEP_REPLY;
	if (r->ep.ep->dialect != DIALECT_GEMINI) /* there the path names it */
		classify_edit_model(r, &w[W_MODEL].val);
	clamp_find_edits(r);
	classify_find_usage_edit(r);
	return STEP_NEXT;
}

static enum step_rc classify_form(struct req *r)
{
	struct upload *u = r->upload;

	bound_form(&r->bound, r->ep.ep->meter,
		r->head.framing == HTTP_BODY_LENGTH ? r->head.content_length : 0);
	if (r->ep.deployment.n > 0)
		return model_take(r, r->ep.deployment) == 0 ? STEP_NEXT : STEP_REPLY;
	if (u == NULL || u->model.n == 0) {
		if (u == NULL || u->ended)
			return reply_error(r, TG_E_MISSING_MODEL, "The form has no field 'model'.");
		return STEP_NEXT; /* it comes behind the file: upload_late_model */
	}
	return model_take(r, u->model) == 0 ? STEP_NEXT : STEP_REPLY;
}

static enum step_rc classify(struct req *r)
{
	switch (r->body_kind) {
	case BODY_KIND_JSON: return classify_json(r);
	case BODY_KIND_FORM: return classify_form(r);
	default: return STEP_NEXT;
	}
}

const struct tg_module mod_classify = {
	.name = "classify",
	.stage = { [STAGE_CLASSIFY] = classify },
};
