/*
 * openai_request_write.c: a request of another dialect for a target that speaks chat completions.
 * Results become messages of their own, before the rest of their turn; images in them, which a tool
 * message cannot hold, follow in the user's. Thoughts of other models are left out unless the
 * target takes them back. Pure; any thread.
 */
#include "chat/openai_int.h"

/* ---- parts of a user's or system's message */

static void write_text(struct json_out *o, const struct chat_part *p)
{
	jo_obj(o);
	jo_m_lit(o, "type", "text");
	jo_key(o, "text");
	jo_jstr(o, p->text);
	jo_obj_end(o);
}

static void write_image(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	if (p->data.p == NULL && p->url.p == NULL) {
		chat_unsupported(cx, "images by file id");
		return;
	}
	jo_obj(o);
	jo_m_lit(o, "type", "image_url");
	jo_key(o, "image_url");
	jo_obj(o);
	jo_key(o, "url");
	openai_write_url(o, p);
	jo_m_jstr(o, "detail", p->detail);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_audio(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	struct str format = openai_audio_format(p->mime);

	if (format.p == NULL || p->data.p == NULL) {
		chat_unsupported(cx, "audio that is not wav or mp3 in base64");
		return;
	}
	jo_obj(o);
	jo_m_lit(o, "type", "input_audio");
	jo_key(o, "input_audio");
	jo_obj(o);
	jo_key(o, "data");
	jo_jstr(o, p->data);
	jo_m_text(o, "format", format);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_file(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	if (p->data.p == NULL && p->file_id.p == NULL) {
		chat_unsupported(cx, "documents by URL");
		return;
	}
	jo_obj(o);
	jo_m_lit(o, "type", "file");
	jo_key(o, "file");
	jo_obj(o);
	if (p->data.p != NULL) {
		jo_key(o, "filename");
		jo_jstr(o, p->filename.n > 0 ? p->filename : STR("document.pdf"));
		jo_key(o, "file_data");
		openai_write_url(o, p);
	} else {
		jo_m_jstr(o, "file_id", p->file_id);
	}
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_part(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: write_text(o, p); break;
	case PART_IMAGE: write_image(cx, o, p); break;
	case PART_AUDIO: write_audio(cx, o, p); break;
	case PART_FILE: write_file(cx, o, p); break;
	case PART_VIDEO: chat_unsupported(cx, "video"); break;
	case PART_CALL:
	case PART_RESULT:
	case PART_THINKING:
	case PART_REDACTED: break; /* an assistant's, or written elsewhere */
	}
}

/* ---- messages */

static void begin_message(struct json_out *o, struct str role)
{
	jo_obj(o);
	jo_m_text(o, "role", role);
}

static bool is_one_text(const struct chat_part *p)
{
	return p != NULL && p->kind == PART_TEXT && p->next == NULL;
}

static void write_system(struct chat_context *cx, struct json_out *o, const struct chat_turn *t)
{
	if (t->part == NULL)
		return;
	begin_message(o, STR("system"));
	jo_key(o, "content");
	if (is_one_text(t->part)) {
		jo_jstr(o, t->part->text);
	} else {
		jo_arr(o);
		for (const struct chat_part *p = t->part; p != NULL; p = p->next)
			write_part(cx, o, p);
		jo_arr_end(o);
	}
	jo_obj_end(o);
}

/* The texts of a result, one after the other. */
static void write_result(struct json_out *o, const struct chat_part *result)
{
	begin_message(o, STR("tool"));
	jo_key(o, "tool_call_id");
	jo_jstr(o, result->id);
	jo_key(o, "content");
	jo_str_begin(o);
	for (const struct chat_part *p = result->part; p != NULL; p = p->next) {
		if (p->kind == PART_TEXT)
			jo_piece(o, p->text);
		if (p->kind == PART_TEXT && p->next != NULL && p->next->kind == PART_TEXT)
			jo_piece(o, STR("\\n"));
	}
	jo_str_end(o);
	jo_obj_end(o);
}

static bool is_media(const struct chat_part *p)
{
	return p->kind == PART_IMAGE || p->kind == PART_AUDIO || p->kind == PART_VIDEO ||
	       p->kind == PART_FILE;
}

/* What of a user's part goes into the user's message. */
static size_t count_user_part(const struct chat_part *p)
{
	size_t n = 0;

	if (p->kind != PART_RESULT)
		return 1;
	for (const struct chat_part *q = p->part; q != NULL; q = q->next)
		n += is_media(q);
	return n;
}

static void write_user_part(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	if (p->kind != PART_RESULT) {
		write_part(cx, o, p);
		return;
	}
	for (const struct chat_part *q = p->part; q != NULL; q = q->next)
		if (is_media(q))
			write_part(cx, o, q);
}

static void write_user(struct chat_context *cx, struct json_out *o, struct chat_walk w)
{
	struct chat_walk again = w;
	const struct chat_part *p, *only = NULL;
	size_t n = 0;

	while ((p = chat_walk_part(&w)) != NULL) {
		if (p->kind == PART_RESULT)
			write_result(o, p);
		n += count_user_part(p);
		only = p;
	}
	if (n == 0)
		return;
	begin_message(o, STR("user"));
	jo_key(o, "content");
	if (n == 1 && only->kind == PART_TEXT) {
		jo_jstr(o, only->text);
	} else {
		jo_arr(o);
		while ((p = chat_walk_part(&again)) != NULL)
			write_user_part(cx, o, p);
		jo_arr_end(o);
	}
	jo_obj_end(o);
}

/* How many of a kind a joined turn has. */
static size_t count_kind(struct chat_walk w, enum chat_part_kind kind)
{
	const struct chat_part *p;
	size_t n = 0;

	while ((p = chat_walk_part(&w)) != NULL)
		n += p->kind == kind;
	return n;
}

static void write_joined(
	struct json_out *o, const char *key, struct chat_walk w, enum chat_part_kind kind)
{
	const struct chat_part *p;

	jo_key(o, key);
	jo_str_begin(o);
	while ((p = chat_walk_part(&w)) != NULL)
		if (p->kind == kind)
			jo_piece(o, p->text);
	jo_str_end(o);
}

/* Gemini's signatures, which other models' hosts may refuse as unknown, are for Gemini's models. */
static void write_assistant_calls(
	const struct chat_context *cx, struct json_out *o, struct chat_walk w)
{
	bool signed_calls = str_find(cx->model, STR("gemini")) != (size_t)-1;
	const struct chat_part *p;

	jo_key(o, "tool_calls");
	jo_arr(o);
	while ((p = chat_walk_part(&w)) != NULL)
		if (p->kind == PART_CALL)
			openai_write_call(o, p, signed_calls);
	jo_arr_end(o);
}

static void note_media(struct chat_context *cx, struct chat_walk w)
{
	const struct chat_part *p;

	while ((p = chat_walk_part(&w)) != NULL)
		if (is_media(p))
			chat_unsupported(cx, "media in an assistant's turn");
}

static void write_assistant(struct chat_context *cx, struct json_out *o, struct chat_walk w)
{
	size_t calls = count_kind(w, PART_CALL), refusals = count_kind(w, PART_REFUSAL);
	/* a turn that called tools has it, if empty: DeepSeek refuses one without */
	bool thoughts = cx->thoughts_back && (calls > 0 || count_kind(w, PART_THINKING) > 0);

	note_media(cx, w);
	if (calls + refusals + count_kind(w, PART_TEXT) == 0 && !thoughts)
		return; /* thoughts of another model alone */
	begin_message(o, STR("assistant"));
	if (thoughts)
		write_joined(o, "reasoning_content", w, PART_THINKING);
	if (count_kind(w, PART_TEXT) > 0) {
		write_joined(o, "content", w, PART_TEXT);
	} else {
		jo_key(o, "content");
		jo_null(o);
	}
	if (refusals > 0)
		write_joined(o, "refusal", w, PART_REFUSAL);
	if (calls > 0)
		write_assistant_calls(cx, o, w);
	jo_obj_end(o);
}

/*
 * System turns stay in their places; one between two turns that are joined goes behind them, so
 * that results follow their calls.
 */
static void write_messages(
	struct chat_context *cx, struct json_out *o, const struct chat_request *rq)
{
	struct chat_walk w = { .turn = rq->turn };
	const struct chat_turn *system = rq->turn;

	jo_key(o, "messages");
	jo_arr(o);
	while (chat_walk_turn(&w)) {
		for (; system != w.first; system = system->next)
			if (system->role == CHAT_SYSTEM)
				write_system(cx, o, system);
		(w.role == CHAT_USER ? write_user : write_assistant)(cx, o, w);
	}
	for (; system != NULL; system = system->next)
		if (system->role == CHAT_SYSTEM)
			write_system(cx, o, system);
	jo_arr_end(o);
}

/* ---- tools */

static void write_named(struct json_out *o, struct str name, struct str description,
	const char *key, struct str schema)
{
	jo_key(o, "name");
	jo_jstr(o, name);
	jo_m_jstr(o, "description", description);
	jo_m_raw(o, key, schema);
}

/* Responses' tools are strict unless it is said that they are not. */
static void write_strict(struct json_out *o, int strict, bool flat)
{
	if (flat || strict >= 0)
		jo_m_bool(o, "strict", strict == 1);
}

static void begin_function(struct json_out *o, bool flat)
{
	jo_obj(o);
	jo_m_lit(o, "type", "function");
	if (flat)
		return;
	jo_key(o, "function");
	jo_obj(o);
}

static void end_function(struct json_out *o, bool flat)
{
	if (!flat)
		jo_obj_end(o);
	jo_obj_end(o);
}

static void write_choice(struct json_out *o, const struct chat_request *rq, bool flat)
{
	if (rq->choose == CHOOSE_UNSET)
		return;
	jo_key(o, "tool_choice");
	if (rq->choose == CHOOSE_TOOL) {
		begin_function(o, flat);
		jo_key(o, "name");
		jo_jstr(o, rq->choose_name);
		end_function(o, flat);
		return;
	}
	jo_text(o, rq->choose == CHOOSE_NONE  ? STR("none")
		   : rq->choose == CHOOSE_ANY ? STR("required")
					      : STR("auto"));
}

void openai_write_tools(struct json_out *o, const struct chat_request *rq, bool flat)
{
	if (rq->tool == NULL) /* the API refuses choices among none */
		return;
	jo_key(o, "tools");
	jo_arr(o);
	for (const struct chat_tool *t = rq->tool; t != NULL; t = t->next) {
		begin_function(o, flat);
		write_named(o, t->name, t->description, "parameters", t->schema);
		write_strict(o, t->strict, flat);
		end_function(o, flat);
	}
	jo_arr_end(o);
	write_choice(o, rq, flat);
	if (rq->parallel >= 0)
		jo_m_bool(o, "parallel_tool_calls", rq->parallel == 1);
}

void openai_write_schema(struct json_out *o, const struct chat_request *rq, bool flat)
{
	write_named(o, rq->schema_name.n > 0 ? rq->schema_name : STR("answer"),
		rq->schema_description, "schema", rq->schema);
	write_strict(o, rq->schema_strict, flat);
}

/* ---- the rest */

static void write_stops(struct chat_context *cx, struct json_out *o, const struct chat_request *rq)
{
	enum { MOST = 4 }; /* the API's */

	if (rq->n_stop == 0)
		return;
	if (rq->n_stop > MOST)
		chat_unsupported(cx, "more than 4 stop sequences");
	jo_key(o, "stop");
	jo_arr(o);
	for (unsigned i = 0; i < rq->n_stop && i < MOST; i++)
		jo_jstr(o, rq->stop[i]);
	jo_arr_end(o);
}

static void write_format(struct json_out *o, const struct chat_request *rq)
{
	if (rq->format == FORMAT_TEXT)
		return;
	jo_key(o, "response_format");
	jo_obj(o);
	if (rq->format == FORMAT_JSON) {
		jo_m_lit(o, "type", "json_object");
	} else {
		jo_m_lit(o, "type", "json_schema");
		jo_key(o, "json_schema");
		jo_obj(o);
		openai_write_schema(o, rq, false);
		jo_obj_end(o);
	}
	jo_obj_end(o);
}

/* The strongest word a model knows instead of a stronger one. "Off" is said only where it must be:
 * models that do not reason refuse the member. */
struct str openai_effort_word(const struct chat_request *rq, const struct model_traits *t)
{
	enum chat_effort e = rq->effort;

	if (e == EFFORT_UNSET && rq->think == 1)
		e = rq->think_budget > 0 ? model_budget_effort(rq->think_budget) : EFFORT_MEDIUM;
	if (e == EFFORT_UNSET && rq->think == 0)
		e = EFFORT_NONE;
	if (e == EFFORT_UNSET || t->effort_most == EFFORT_UNSET)
		return STR_NONE;
	if (e == EFFORT_NONE && (!model_has(t, TRAIT_THINKS_UNASKED)))
		return STR_NONE;
	if (e == EFFORT_NONE && model_has(t, TRAIT_THINKS_ALWAYS))
		e = EFFORT_LOW;
	return chat_effort_word(TG_MIN(e, t->effort_most));
}

static void write_sampling(struct chat_context *cx, struct json_out *o,
	const struct chat_request *rq, const struct model_traits *t)
{
	if (!model_has(t, TRAIT_NO_SAMPLING)) {
		jo_m_raw(o, "temperature", rq->temperature);
		jo_m_raw(o, "top_p", rq->top_p);
	}
	if (rq->top_k.n > 0)
		chat_unsupported(cx, "top_k");
	jo_m_raw(o, "seed", rq->seed);
	jo_m_raw(o, "n", rq->n);
	jo_m_raw(o, "presence_penalty", rq->presence_penalty);
	jo_m_raw(o, "frequency_penalty", rq->frequency_penalty);
}

/* OpenAI's words go as they are; Anthropic's standard_only is its "default". */
void openai_write_tier(struct chat_context *cx, struct json_out *o, const struct chat_request *rq)
{
	static const struct str known[] = { STR("auto"), STR("default"), STR("flex"),
		STR("priority"), STR("scale"), STR("fast") };

	if (rq->tier.p == NULL)
		return;
	if (str_eq(rq->tier, STR("standard_only")) || str_eq(rq->tier, STR("standard"))) {
		jo_m_lit(o, "service_tier", "default");
		return;
	}
	for (size_t i = 0; i < TG_ARRAY_LEN(known); i++) {
		if (str_eq(rq->tier, known[i])) {
			jo_m_jstr(o, "service_tier", rq->tier);
			return;
		}
	}
	chat_unsupported(cx, "service_tier");
}

static void write_stream(struct chat_context *cx, struct json_out *o, const struct chat_request *rq)
{
	if (!rq->stream)
		return;
	jo_m_bool(o, "stream", true);
	if (cx->no_include_usage)
		return;
	jo_key(o, "stream_options");
	jo_obj(o);
	jo_m_bool(o, "include_usage", true);
	jo_obj_end(o);
}

#define USER_MAX 64

void openai_write_user(struct chat_context *cx, struct json_out *o, const struct chat_request *rq)
{
	if (rq->user.p != NULL)
		jo_m_jstr(o, "user", chat_user(cx, rq->user, rq->user.n <= USER_MAX));
}

int openai_write_request(struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	const struct model_traits *t = model_traits_find(cx->model);

	jo_obj(o);
	jo_key(o, "model");
	jo_jstr(o, cx->model);
	write_messages(cx, o, rq);
	openai_write_tools(o, rq, false);
	if (rq->max_tokens > 0)
		jo_m_u64(o, cx->completion_tokens ? "max_completion_tokens" : "max_tokens",
			rq->max_tokens);
	write_stops(cx, o, rq);
	write_sampling(cx, o, rq, t);
	write_format(o, rq);
	if (openai_effort_word(rq, t).n > 0)
		jo_m_text(o, "reasoning_effort", openai_effort_word(rq, t));
	openai_write_user(cx, o, rq);
	openai_write_tier(cx, o, rq);
	write_stream(cx, o, rq);
	jo_obj_end(o);
	return 0;
}
