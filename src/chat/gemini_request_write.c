/*
 * gemini_request_write.c: a chat_request as generateContent (providers.md 10.1). The model and
 * whether it streams go into the path. Results stand in front of their turn, as many and in the
 * order of the calls they answer; calls carry the signature they came with, and for Gemini 3 a
 * dummy where it was lost. Reasoning of earlier turns is left out: its own vendor alone could read
 * it. Pure; any thread.
 */
#include "chat/gemini_int.h"
#include "chat/model_traits.h"

#define ORDERED_CALLS 256 /* of one turn, whose results are put in order */
#define MAX_STOPS     5

struct gemini_writer {
	struct chat_context *cx;
	const struct chat_request *rq;
	struct json_out *o;
	const struct model_traits *traits;
	bool signs; /* the model wants its calls back signed */
};

/* ---- parts */

/* "image/jpg" is no media type; the vendor refuses it. */
static struct str mime_of(const struct chat_part *p)
{
	static const struct {
		struct str end, mime;
	} known[] = { { STR(".png"), STR("image/png") }, { STR(".jpg"), STR("image/jpeg") },
		{ STR(".jpeg"), STR("image/jpeg") }, { STR(".webp"), STR("image/webp") },
		{ STR(".gif"), STR("image/gif") }, { STR(".pdf"), STR("application/pdf") },
		{ STR(".mp3"), STR("audio/mpeg") }, { STR(".wav"), STR("audio/wav") },
		{ STR(".mp4"), STR("video/mp4") } };

	if (str_eq_ci(p->mime, STR("image/jpg")))
		return STR("image/jpeg");
	if (p->mime.n > 0)
		return p->mime;
	for (size_t i = 0; i < TG_ARRAY_LEN(known); i++)
		if (str_ends(p->url, known[i].end) || str_ends(p->filename, known[i].end))
			return known[i].mime;
	if (p->kind == PART_IMAGE)
		return STR("image/jpeg");
	return p->kind == PART_FILE ? STR("application/pdf") : STR_NONE;
}

static void write_media(struct gemini_writer *g, const struct chat_part *p)
{
	struct json_out *o = g->o;
	bool inlined = p->data.p != NULL;

	if (!inlined && p->url.p == NULL) {
		chat_unsupported(g->cx, "media by file id");
		return;
	}
	jo_obj(o);
	jo_key(o, inlined ? "inlineData" : "fileData");
	jo_obj(o);
	jo_m_jstr(o, "mimeType", mime_of(p));
	jo_key(o, inlined ? "data" : "fileUri");
	jo_jstr(o, inlined ? p->data : p->url);
	jo_obj_end(o);
	if (p->signature.n > 0)
		jo_m_jstr(o, "thoughtSignature", p->signature);
	jo_obj_end(o);
}

static bool is_media(const struct chat_part *p)
{
	return p->kind == PART_IMAGE || p->kind == PART_AUDIO || p->kind == PART_VIDEO ||
	       p->kind == PART_FILE;
}

/* The texts of a result in one, between the quotes of a string. */
static void write_result_text(struct json_out *o, const struct chat_part *part)
{
	bool first = true;

	jo_str_begin(o);
	for (const struct chat_part *p = part; p != NULL; p = p->next) {
		if (p->kind != PART_TEXT)
			continue;
		if (!first)
			jo_piece(o, STR("\\n"));
		jo_piece(o, p->text);
		first = false;
	}
	jo_str_end(o);
}

/* {"functionResponse":{"name":...,"response":{"output":"..."}}}: an object is demanded. */
static void write_result(struct gemini_writer *g, const struct chat_part *r)
{
	struct json_out *o = g->o;

	jo_obj(o);
	jo_key(o, "functionResponse");
	jo_obj(o);
	jo_key(o, "name");
	jo_jstr(o, r->name.n > 0 ? r->name : r->id);
	jo_key(o, "response");
	jo_obj(o);
	jo_key(o, r->is_error ? "error" : "output");
	write_result_text(o, r->part);
	jo_obj_end(o);
	jo_obj_end(o);
	jo_obj_end(o);
}

/* Pictures that a tool brought, behind its response. */
static void write_result_media(struct gemini_writer *g, const struct chat_part *r)
{
	for (const struct chat_part *p = r->part; p != NULL; p = p->next)
		if (is_media(p))
			write_media(g, p);
}

/* Is there anything of it for this API? Reasoning is not, nor is empty text. */
static bool is_said(const struct chat_part *p)
{
	if (p->kind == PART_THINKING || p->kind == PART_REDACTED)
		return false;
	return (p->kind != PART_TEXT && p->kind != PART_REFUSAL) || p->text.n > 0;
}

/* *signed_turn: a call of this turn has a signature already; the first one needs it. */
static void write_part(struct gemini_writer *g, const struct chat_part *p, bool *first_call)
{
	struct str signature = p->signature;

	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: gemini_text_write(g->o, p->text, false, signature); break;
	case PART_CALL:
		if (signature.n == 0 && g->signs && *first_call)
			signature = STR(GEMINI_NO_SIGNATURE);
		*first_call = false;
		gemini_call_write(g->o, STR_NONE, p->name, p->args, signature);
		break;
	case PART_RESULT: write_result(g, p); break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE: write_media(g, p); break;
	case PART_THINKING:
	case PART_REDACTED: break;
	}
}

/* ---- turns */

/* Results in the order of the calls before them: `call` and `result` of as many turns, by id. */
struct gemini_order {
	const struct chat_part *call[ORDERED_CALLS];
	unsigned n;
};

static void order_note(struct gemini_order *order, const struct chat_part *p)
{
	if (p->kind == PART_CALL && order->n <= ORDERED_CALLS) {
		if (order->n < ORDERED_CALLS)
			order->call[order->n] = p;
		order->n++; /* one more than there is room: not ordered */
	}
}

/* The results of the turn that w stands at, up to the first other part, which is returned. */
static const struct chat_part *write_results(
	struct gemini_writer *g, struct chat_walk *w, const struct gemini_order *order)
{
	const struct chat_part *found[ORDERED_CALLS] = { NULL }, *p;
	struct chat_walk again = *w;
	unsigned at = 0, k;

	while ((p = chat_walk_part(w)) != NULL && p->kind == PART_RESULT) {
		for (k = 0; k < order->n && order->n <= ORDERED_CALLS; k++)
			if (found[(at + k) % order->n] == NULL &&
				str_eq(order->call[(at + k) % order->n]->id, p->id))
				break;
		if (order->n > ORDERED_CALLS || k == order->n)
			continue; /* answers none: behind the others */
		found[(at + k) % order->n] = p;
		at = (at + k + 1) % order->n;
	}
	for (k = 0; k < TG_MIN(order->n, (unsigned)ORDERED_CALLS); k++)
		if (found[k] != NULL)
			write_result(g, found[k]);
	while ((p = chat_walk_part(&again)) != NULL && p->kind == PART_RESULT) {
		bool written = false;

		for (k = 0; k < TG_MIN(order->n, (unsigned)ORDERED_CALLS) && !written; k++)
			written = found[k] == p;
		if (!written)
			write_result(g, p);
	}
	return p;
}

static void write_user_turn(
	struct gemini_writer *g, struct chat_walk *w, const struct gemini_order *order)
{
	struct chat_walk media = *w;
	const struct chat_part *p = write_results(g, w, order), *r;
	bool first_call = true;

	while ((r = chat_walk_part(&media)) != NULL && r->kind == PART_RESULT)
		write_result_media(g, r);
	for (; p != NULL; p = chat_walk_part(w))
		if (is_said(p))
			write_part(g, p, &first_call);
}

static void write_model_turn(
	struct gemini_writer *g, struct chat_walk *w, struct gemini_order *order)
{
	const struct chat_part *p;
	bool first_call = true;

	while ((p = chat_walk_part(w)) != NULL) {
		order_note(order, p);
		if (is_said(p))
			write_part(g, p, &first_call);
	}
}

/* Has the joined turn that w stands at anything in it? A turn without parts is refused. */
static bool turn_says(struct chat_walk w)
{
	const struct chat_part *p;

	while ((p = chat_walk_part(&w)) != NULL)
		if (is_said(p))
			return true;
	return false;
}

static void write_turn(struct gemini_writer *g, struct chat_walk *w, struct gemini_order *order)
{
	bool user = w->role == CHAT_USER;

	jo_obj(g->o);
	jo_m_text(g->o, "role", user ? STR("user") : STR("model"));
	jo_key(g->o, "parts");
	jo_arr(g->o);
	if (user) {
		write_user_turn(g, w, order);
		order->n = 0;
	} else {
		order->n = 0;
		write_model_turn(g, w, order);
	}
	jo_arr_end(g->o);
	jo_obj_end(g->o);
}

/* System turns, wherever they stood. False: there are none. */
static bool write_system_parts(struct gemini_writer *g, bool count_only)
{
	bool any = false;

	for (const struct chat_turn *t = g->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *p = t->part; p != NULL && t->role == CHAT_SYSTEM;
			p = p->next) {
			if (p->kind != PART_TEXT || p->text.n == 0)
				continue;
			any = true;
			if (!count_only)
				gemini_text_write(g->o, p->text, false, STR_NONE);
		}
	return any;
}

static void write_parts_of_system(struct gemini_writer *g, const char *role)
{
	jo_obj(g->o);
	if (role != NULL)
		jo_m_text(g->o, "role", str_z(role));
	jo_key(g->o, "parts");
	jo_arr(g->o);
	if (!write_system_parts(g, false)) /* nothing at all: the vendor wants some content */
		gemini_text_write(g->o, STR(" "), false, STR_NONE);
	jo_arr_end(g->o);
	jo_obj_end(g->o);
}

/* Where nobody but the system speaks, it is the user who does: contents must not be empty. */
static void write_contents(struct gemini_writer *g)
{
	struct chat_walk w = { .turn = g->rq->turn };
	struct gemini_order order;
	bool any = false, system = write_system_parts(g, true);

	order.n = 0;
	for (struct chat_walk look = w; !any && chat_walk_turn(&look);)
		any = turn_says(look);
	if (any && system) {
		jo_key(g->o, "systemInstruction");
		write_parts_of_system(g, NULL);
	}
	jo_key(g->o, "contents");
	jo_arr(g->o);
	if (!any)
		write_parts_of_system(g, "user");
	while (any && chat_walk_turn(&w))
		if (turn_says(w))
			write_turn(g, &w, &order);
	jo_arr_end(g->o);
}

/* ---- tools */

static void write_tools(struct gemini_writer *g)
{
	struct json_out *o = g->o;

	if (g->rq->tool == NULL)
		return;
	jo_key(o, "tools");
	jo_arr(o);
	jo_obj(o);
	jo_key(o, "functionDeclarations");
	jo_arr(o);
	for (const struct chat_tool *t = g->rq->tool; t != NULL; t = t->next) {
		jo_obj(o);
		jo_m_jstr(o, "name", t->name);
		jo_m_jstr(o, "description", t->description);
		jo_m_raw(o, "parametersJsonSchema", t->schema);
		jo_obj_end(o);
	}
	jo_arr_end(o);
	jo_obj_end(o);
	jo_arr_end(o);
}

static void write_choice(struct gemini_writer *g)
{
	static const char *const modes[] = { [CHOOSE_AUTO] = "AUTO",
		[CHOOSE_NONE] = "NONE",
		[CHOOSE_ANY] = "ANY",
		[CHOOSE_TOOL] = "ANY" };
	struct json_out *o = g->o;

	if (g->rq->choose == CHOOSE_UNSET || g->rq->tool == NULL)
		return;
	jo_key(o, "toolConfig");
	jo_obj(o);
	jo_key(o, "functionCallingConfig");
	jo_obj(o);
	jo_m_text(o, "mode", str_z(modes[g->rq->choose]));
	if (g->rq->choose == CHOOSE_TOOL) {
		jo_key(o, "allowedFunctionNames");
		jo_arr(o);
		jo_jstr(o, g->rq->choose_name);
		jo_arr_end(o);
	}
	jo_obj_end(o);
	jo_obj_end(o);
}

/* ---- generationConfig */

/* The word for models that take a level: off is the least they know. */
static const char *level_of(const struct gemini_writer *g)
{
	const struct chat_request *rq = g->rq;
	enum chat_effort e = rq->effort;

	if (e == EFFORT_UNSET && rq->think_budget > 0)
		e = model_budget_effort(rq->think_budget);
	if (e == EFFORT_NONE || rq->think == 0)
		e = EFFORT_MINIMAL;
	switch (e) {
	case EFFORT_UNSET: return NULL; /* it decides itself */
	case EFFORT_NONE:
	case EFFORT_MINIMAL: /* the large ones know none below LOW */
		return str_find(g->cx->model, STR("pro")) != (size_t)-1 ? "LOW" : "MINIMAL";
	case EFFORT_LOW: return "LOW";
	case EFFORT_MEDIUM: return "MEDIUM";
	default: return "HIGH";
	}
}

/* Thoughts count to maxOutputTokens: an answer has to fit in too. */
static int64_t effort_budget(const struct chat_request *rq)
{
	uint64_t budget = model_effort_budget(rq->effort);

	if (rq->max_tokens > 0)
		budget = TG_MIN(budget, rq->max_tokens - rq->max_tokens / 4);
	return (int64_t)budget;
}

/* Tokens for models that take a budget; false: they decide themselves. */
static bool budget_of(const struct gemini_writer *g, int64_t *tokens)
{
	const struct chat_request *rq = g->rq;
	int64_t least = (int64_t)g->traits->budget_least;

	if (rq->think == 0 || rq->effort == EFFORT_NONE) {
		*tokens = model_has(g->traits, TRAIT_THINKS_ALWAYS) ? least : 0;
		return true;
	}
	if (rq->think_budget > 0)
		*tokens = rq->think_budget;
	else if (rq->effort != EFFORT_UNSET)
		*tokens = effort_budget(rq);
	else if (rq->think == 1)
		*tokens = -1;
	else
		return false;
	if (*tokens > 0 && *tokens < least)
		*tokens = least;
	return true;
}

static void write_thinking(struct gemini_writer *g)
{
	const struct chat_request *rq = g->rq;
	const char *level = level_of(g);
	struct json_out *o = g->o;
	int64_t tokens;

	if (g->traits->thinking == THINKING_NONE) {
		if (rq->think == 1)
			chat_unsupported(g->cx, "thinking");
		return;
	}
	if (rq->think < 0 && rq->effort == EFFORT_UNSET && !rq->think_show)
		return;
	jo_key(o, "thinkingConfig");
	jo_obj(o);
	if (g->traits->thinking == THINKING_LEVEL) {
		if (level != NULL)
			jo_m_text(o, "thinkingLevel", str_z(level));
	} else if (budget_of(g, &tokens)) {
		jo_key(o, "thinkingBudget");
		jo_i64(o, tokens);
	}
	if (rq->think_show)
		jo_m_bool(o, "includeThoughts", true);
	jo_obj_end(o);
}

static void write_format(struct gemini_writer *g)
{
	if (g->rq->format == FORMAT_TEXT)
		return;
	jo_m_lit(g->o, "responseMimeType", "application/json");
	if (g->rq->format == FORMAT_SCHEMA)
		jo_m_raw(g->o, "responseJsonSchema", g->rq->schema);
}

static void write_stops(struct gemini_writer *g)
{
	if (g->rq->n_stop > MAX_STOPS)
		chat_unsupported(g->cx, "more than 5 stop sequences");
	if (g->rq->n_stop == 0)
		return;
	jo_key(g->o, "stopSequences");
	jo_arr(g->o);
	for (unsigned i = 0; i < TG_MIN(g->rq->n_stop, (unsigned)MAX_STOPS); i++)
		jo_jstr(g->o, g->rq->stop[i]);
	jo_arr_end(g->o);
}

static void write_config(struct gemini_writer *g)
{
	const struct chat_request *rq = g->rq;
	struct json_out *o = g->o;

	jo_key(o, "generationConfig");
	jo_obj(o);
	if (rq->max_tokens > 0)
		jo_m_u64(o, "maxOutputTokens", rq->max_tokens);
	jo_m_raw(o, "temperature", rq->temperature);
	jo_m_raw(o, "topP", rq->top_p);
	jo_m_raw(o, "topK", rq->top_k);
	jo_m_raw(o, "seed", rq->seed);
	jo_m_raw(o, "candidateCount", rq->n);
	jo_m_raw(o, "presencePenalty", rq->presence_penalty);
	jo_m_raw(o, "frequencyPenalty", rq->frequency_penalty);
	write_stops(g);
	write_format(g);
	write_thinking(g);
	jo_obj_end(o);
}

/* Words of the client's API that ask for nothing in particular are nobody's loss. */
static void write_tier(struct gemini_writer *g)
{
	struct str tier = g->rq->tier;

	if (tier.n == 0 || str_eq(tier, STR("auto")) || str_eq(tier, STR("default")) ||
		str_eq(tier, STR("standard_only")) || str_eq(tier, STR("standard")))
		return;
	if (str_eq(tier, STR("flex")) || str_eq(tier, STR("priority")))
		jo_m_jstr(g->o, "serviceTier", tier);
	else
		chat_unsupported(g->cx, "service_tier");
}

/* What this API has no word for. The end user's name is the operator's business, not Google's. */
static void note_lost(struct gemini_writer *g)
{
	if (g->rq->logprobs || g->rq->top_logprobs.n > 0)
		chat_unsupported(g->cx, "logprobs"); /* the answer's could not be told */
	chat_note_parallel(g->cx, g->rq);
}

/* A request that is counted says of which model. */
static void write_counted_model(struct gemini_writer *g)
{
	struct str model = g->cx->model;

	jo_key(g->o, "model");
	jo_str_begin(g->o);
	if (str_chr(model, '/') == (size_t)-1)
		jo_piece(g->o, STR("models/"));
	jo_piece(g->o, model);
	jo_str_end(g->o);
}

int gemini_write_request(struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	struct gemini_writer g = {
		.cx = cx, .rq = rq, .o = o, .traits = model_traits_find(cx->model)
	};

	g.signs = g.traits->thinking == THINKING_LEVEL;
	note_lost(&g);
	jo_obj(o);
	if (cx->counting && !cx->count_bare)
		write_counted_model(&g);
	write_contents(&g);
	write_tools(&g);
	if (!cx->count_bare)
		write_choice(&g);
	write_config(&g);
	write_tier(&g);
	jo_obj_end(o);
	return 0;
}
