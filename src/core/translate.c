/*
 * translate.c: see translate.h.
 */
#include <stdio.h>

#include "chat/chat_count.h"
#include "core/attempt.h"
#include "core/clamp.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/provider.h"
#include "core/req.h"
#include "core/translate.h"
#include "money/pricebook.h"

/* When neither the request nor the price book says how long an answer may be. */
#define DEFAULT_MAX_TOKENS 8192

/* In which shape its clients ask, of endpoints that make text. */
static enum chat_shape shape_of(const struct endpoint *ep)
{
	switch (ep->id) {
	case ENDPOINT_CHAT: return SHAPE_OPENAI;
	case ENDPOINT_RESPONSES:
	case ENDPOINT_RESPONSES_INPUT: return SHAPE_RESPONSES;
	case ENDPOINT_MESSAGES:
	case ENDPOINT_MESSAGES_COUNT: return SHAPE_ANTHROPIC;
	case ENDPOINT_GEMINI_COUNT:
	case ENDPOINT_GEMINI_GENERATE:
	case ENDPOINT_GEMINI_STREAM: return SHAPE_GEMINI;
	default: return SHAPE_NONE;
	}
}

static bool counts(const struct endpoint *ep)
{
	return ep->id == ENDPOINT_MESSAGES_COUNT || ep->id == ENDPOINT_GEMINI_COUNT ||
	       ep->id == ENDPOINT_RESPONSES_INPUT;
}

bool translate_serves(const struct provider *p, const struct endpoint *ep)
{
	enum chat_shape from;

	if (provider_is_native(p, ep) || translate_embed_serves(p, ep))
		return true;
	from = shape_of(ep);
	return from != SHAPE_NONE && p->shape != SHAPE_NONE && chat_codecs[from] != NULL &&
	       chat_codecs[from]->read_request != NULL && chat_codecs[p->shape] != NULL &&
	       chat_codecs[p->shape]->write_request != NULL;
}

static struct translate *translate_new(struct req *r)
{
	struct translate *t = arena_zalloc(&r->arena, sizeof *t);

	if (t == NULL)
		return NULL;
	arena_init(&t->mem, &r->w->blocks, 0);
	arena_init(&t->kept, &r->w->blocks, TRANSLATE_KEPT_MAX);
	if (!translate_embed_open(t, r->ep.ep))
		t->client = chat_codecs[shape_of(r->ep.ep)];
	t->cx.arena = &t->mem;
	t->client_shape = shape_of(r->ep.ep);
	t->counting = counts(r->ep.ep);
	t->cx.created = r->start_wall.us / 1000000;
	t->cx.id = str_mk(r->id, REQ_ID_LEN);
	return t;
}

void translate_fini(struct translate *t)
{
	arena_fini(&t->kept);
	arena_fini(&t->mem);
}

/* A Gemini client takes its stream as an array, but for ?alt=sse. */
static bool asks_for_events(const struct req *r)
{
	struct str rest = r->url.query, name, value;

	while (url_query_next(&rest, &name, &value))
		if (str_eq(name, STR("alt")) && str_eq(value, STR("sse")))
			return true;
	return false;
}

/* What the client asks, in the hub's words. Once. */
static bool translate_read(struct req *r, struct translate *t)
{
	struct json_fail f;
	struct json_node *root;

	if (t->embed_client != NULL)
		return translate_embed_read(r, t);
	if (json_tree_parse(&t->mem, str_mk(r->body, r->body_len), TRANSLATE_VALUES, &root, &f) !=
		0) {
		snprintf(t->cx.fail, sizeof t->cx.fail,
			"the body cannot be translated: %s at byte %zu", json_error_text(f.err),
			f.offset);
		return false;
	}
	if ((t->counting ? chat_count_read(&t->cx, t->client_shape, root, &t->request)
			 : t->client->read_request(&t->cx, root, &t->request)) != 0)
		return false;
	/* Where the path says so (Gemini), the body does not. */
	t->request.stream = r->stream && !t->counting;
	t->cx.stream_array = r->ep.ep->id == ENDPOINT_GEMINI_STREAM && !asks_for_events(r);
	t->n_unread = t->cx.n_unsupported;
	t->unread_more = t->cx.unsupported_more;
	t->cx.input_estimate = r->bound.input_bytes / 4;
	return true;
}

/* What was noted for the target before. */
static void translate_forget(struct translate *t)
{
	t->cx.n_unsupported = t->n_unread;
	t->cx.unsupported_more = t->unread_more;
}

static struct str names_of(struct translate *t)
{
	struct str out = STR_NONE;

	for (unsigned i = 0; i < t->cx.n_unsupported; i++)
		out = i == 0 ? t->cx.unsupported[0]
			     : arena_printf(&t->mem, "%.*s, %.*s", STR_FMT(out),
				       STR_FMT(t->cx.unsupported[i]));
	if (t->cx.unsupported_more)
		out = arena_printf(&t->mem, "%.*s, and more", STR_FMT(out));
	return out;
}

/* What the writer needs to know of the target, and the limits of the answer. */
static void translate_target(struct req *r, struct translate *t)
{
	const struct price *price = plan_route_price(r->conf, r->route, r->charged_at);
	uint64_t model = price != NULL ? price_max_output(price) : 0;
	struct chat_context *cx = &t->cx;

	cx->fail[0] = '\0';
	translate_forget(t);
	cx->model = str_mk(r->route->model_json.p + 1, r->route->model_json.n - 2);
	cx->default_max_tokens = model > 0 ? model : DEFAULT_MAX_TOKENS;
	cx->most_tokens = r->bound.output_known ? r->bound.max_output : cx->default_max_tokens;
	if (model > 0)
		cx->most_tokens = TG_MIN(cx->most_tokens, model);
	cx->default_max_tokens = TG_MIN(cx->default_max_tokens, cx->most_tokens);
	cx->completion_tokens = clamp_says_completion(r->route);
	cx->no_include_usage = r->route->target->provider->no_include_usage;
	cx->count_bare = r->route->target->provider->count_bare;
	cx->thoughts_back = r->route->target->provider->thoughts_back;
	if (r->clamp.n > 0) {
		t->request.max_tokens = cx->most_tokens;
		r->clamp.sent = cx->most_tokens;
	}
}

static void translate_say(struct req *r, struct translate *t)
{
	struct str names = names_of(t);

	if (t->refusal.n > 0)
		return;
	if (t->cx.fail[0] == '\0')
		t->refusal = arena_printf(&r->arena,
			"Target '%.*s' (%s) cannot do what the request asks with: %.*s. Leave it "
			"out, or have the "
			"operator set on_unsupported: drop for the model.",
			STR_FMT(r->route->target->name), r->route->target->provider->name,
			STR_FMT(names));
	else if (names.n > 0)
		t->refusal = arena_printf(
			&r->arena, "%s (not understood: %.*s)", t->cx.fail, STR_FMT(names));
	else
		t->refusal = arena_dup(&r->arena, str_z(t->cx.fail));
}

static int translate_write(struct req *r, struct translate *t, struct json_out *o)
{
	if (t->embed_client != NULL)
		return translate_embed_write(r, t, o);
	if (t->counting && !chat_count_has(r->route->target->provider->shape))
		return 0; /* it is not asked */
	if (t->counting)
		return chat_count_write(&t->cx, r->route->target->provider->shape, &t->request, o);
	return t->provider->write_request(&t->cx, &t->request, o);
}

static bool unsupported_is_refused(const struct req *r)
{
	return r->model->cfg->on_unsupported == UNSUPPORTED_REFUSE;
}

bool translate_route(struct req *r)
{
	const struct provider *p = r->route->target->provider;
	struct translate *t;
	struct json_out count;

	r->wire.translate = NULL;
	if (provider_is_native(p, r->ep.ep))
		return true;
	if (r->translate == NULL) {
		r->translate = translate_new(r);
		if (r->translate == NULL)
			return false;
		if (!translate_read(r, r->translate)) {
			translate_say(r, r->translate);
			r->translate->client = NULL;
		}
	}
	t = r->translate;
	if (t->client == NULL)
		return false;
	t->provider = chat_codecs[p->shape];
	translate_target(r, t);
	jo_init(&count, NULL, 0);
	if (translate_write(r, t, &count) != 0 ||
		(t->cx.n_unsupported > 0 && unsupported_is_refused(r))) {
		translate_say(r, t);
		return false;
	}
	t->dropped = names_of(t);
	t->bytes = count.n;
	r->wire = (struct req_wire){ .translate = t,
		.meter = t->counting               ? r->ep.ep->meter
			 : t->embed_client != NULL ? p->embed_meter
						   : p->meter };
	return true;
}

bool translate_only_estimates(const struct req *r)
{
	return r->wire.translate != NULL && r->wire.translate->counting &&
	       !chat_count_has(r->route->target->provider->shape);
}

enum step_rc translate_estimate(struct req *r)
{
	uint64_t bytes = r->bound.input_bytes > 0 ? r->bound.input_bytes : r->body_len;
	uint64_t tokens = TG_MAX(est_input(r->route->ratio, bytes), (uint64_t)1);
	char body[128];
	struct json_out o;

	r->wire.translate = NULL; /* nothing comes that could be translated */
	jo_init(&o, body, sizeof body);
	chat_count_say(shape_of(r->ep.ep), tokens, &o);
	return reply_body(r, 200, STR("application/json"),
		STR("x-tollgate-count-quality: estimated\r\n"), str_mk(body, o.n));
}

enum step_rc translate_refuse(struct req *r)
{
	const struct translate *t = r->translate;

	if (t == NULL)
		return reply_error(r, TG_E_OVERLOADED, NULL);
	return reply_error(r, TG_E_UNSUPPORTED_BY_TARGET, "%.*s", STR_FMT(t->refusal));
}

int translate_body(struct attempt *a, struct str *body)
{
	struct translate *t = a->req->wire.translate;
	char *p = arena_alloc(&t->mem, t->bytes + 1);
	struct json_out o;

	if (p == NULL)
		return -1;
	translate_forget(t);
	jo_init(&o, p, t->bytes + 1);
	if (translate_write(a->req, t, &o) != 0 || o.full)
		return -1;
	*body = str_mk(p, o.n);
	return 0;
}
