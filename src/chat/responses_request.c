/*
 * responses_request.c: a request of the Responses API, read. Its input is a list of items; what an
 * assistant said is in several of them, which writers join again. What needs the provider to have
 * kept something (an earlier response, a conversation, a stored prompt) is refused: nothing here
 * keeps anything. Pure; any thread.
 */
#include "chat/responses_int.h"

static int bad_item(struct openai_reader *r, const char *what)
{
	return chat_fail(r->cx, "'input[%zu]' %s", r->index, what);
}

/* ---- content */

static int read_text(struct openai_reader *r, const struct json_node *v)
{
	struct str text = json_get_jstr(v, STR("text"));

	if (text.p == NULL)
		return bad_item(r, "has a text without 'text'.");
	return text.n == 0 || openai_add_text(r, PART_TEXT, text) != NULL ? 0 : -1;
}

static int read_refusal(struct openai_reader *r, const struct json_node *v)
{
	struct str text = json_get_jstr(v, STR("refusal"));

	return text.n == 0 || openai_add_text(r, PART_REFUSAL, text) != NULL ? 0 : -1;
}

static int read_image(struct openai_reader *r, const struct json_node *v)
{
	struct str url = json_get_jstr(v, STR("image_url"));
	struct chat_part *p = openai_add_part(r, PART_IMAGE);

	if (p == NULL)
		return -1;
	openai_read_image(p, url, json_get_jstr(v, STR("detail")));
	p->file_id = json_get_jstr(v, STR("file_id"));
	if (url.p == NULL && p->file_id.p == NULL)
		return bad_item(r, "has an input_image without image_url or file_id.");
	return 0;
}

static int read_file(struct openai_reader *r, const struct json_node *v)
{
	struct chat_part *p = openai_add_part(r, PART_FILE);

	if (p == NULL)
		return -1;
	openai_read_file(p, v);
	if (p->data.p == NULL && p->file_id.p == NULL && p->url.p == NULL)
		return bad_item(r, "has an input_file without file_data, file_id or file_url.");
	return 0;
}

static int read_audio(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *audio = json_get_type(v, STR("input_audio"), JSON_OBJECT);
	struct chat_part *p = openai_add_part(r, PART_AUDIO);

	if (p == NULL)
		return -1;
	if (json_get_jstr(audio, STR("data")).p == NULL)
		return bad_item(r, "has an input_audio without data.");
	openai_read_audio(r->cx, p, audio);
	return 0;
}

static const struct openai_member parts[] = {
	{ STR("input_text"), read_text },
	{ STR("output_text"), read_text },
	{ STR("text"), read_text },
	{ STR("input_image"), read_image },
	{ STR("input_file"), read_file },
	{ STR("input_audio"), read_audio },
	{ STR("refusal"), read_refusal },
};

static int read_part(struct openai_reader *r, const struct json_node *v)
{
	struct str type = json_get_jstr(v, STR("type"));

	for (size_t i = 0; i < TG_ARRAY_LEN(parts); i++)
		if (str_eq(type, parts[i].key))
			return parts[i].read(r, v);
	chat_unsupported_in(r->cx, "input[].content[].", type);
	return 0;
}

/* A string or parts. */
static int read_content(struct openai_reader *r, const struct json_node *content)
{
	struct str text = json_jstr(content);

	if (text.p != NULL)
		return text.n == 0 || openai_add_text(r, PART_TEXT, text) != NULL ? 0 : -1;
	if (content == NULL || content->type != JSON_ARRAY)
		return bad_item(r, "must have a string or an array of parts as its content.");
	json_each(v, content) if (read_part(r, v) != 0) return -1;
	return 0;
}

/* ---- items */

static int read_message(struct openai_reader *r, const struct json_node *v)
{
	static const struct {
		struct str word;
		enum chat_role role;
	} roles[] = {
		{ STR("user"), CHAT_USER },
		{ STR("assistant"), CHAT_ASSISTANT },
		{ STR("system"), CHAT_SYSTEM },
		{ STR("developer"), CHAT_SYSTEM },
	};
	struct str role = json_get_jstr(v, STR("role"));

	for (size_t i = 0; i < TG_ARRAY_LEN(roles); i++) {
		if (!str_eq(role, roles[i].word))
			continue;
		if (openai_add_turn(r, roles[i].role) == NULL)
			return -1;
		return read_content(r, json_get(v, STR("content")));
	}
	return bad_item(r, "must have a role: user, assistant, system or developer.");
}

static int read_call(struct openai_reader *r, const struct json_node *v)
{
	struct chat_part *p =
		openai_add_turn(r, CHAT_ASSISTANT) != NULL ? openai_add_part(r, PART_CALL) : NULL;

	if (p == NULL)
		return -1;
	p->id = json_get_jstr(v, STR("call_id"));
	p->name = json_get_jstr(v, STR("name"));
	if (p->id.n == 0 || p->name.n == 0)
		return bad_item(r, "is a function_call and must have a call_id and a name.");
	if (responses_space_name(r->cx, v, &p->name) != 0)
		return -1;
	p->args = chat_args_of_jstr(r->cx, json_get_jstr(v, STR("arguments")));
	return p->args.n > 0 ? 0 : chat_fail(r->cx, "The request is too large to be translated.");
}

static int read_output(struct openai_reader *r, const struct json_node *v)
{
	struct chat_part *p =
		openai_add_turn(r, CHAT_USER) != NULL ? openai_add_part(r, PART_RESULT) : NULL;

	if (p == NULL)
		return -1;
	p->id = json_get_jstr(v, STR("call_id"));
	if (p->id.n == 0)
		return bad_item(r, "is a function_call_output and must have a call_id.");
	r->part_tail = &p->part;
	return read_content(r, json_get(v, STR("output")));
}

/* The texts of its summary in one. */
static struct str summary_text(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *list = json_get_type(v, STR("summary"), JSON_ARRAY);
	size_t n = 0;
	char *p;

	json_each(s, list) n += json_get_jstr(s, STR("text")).n;
	p = arena_alloc(r->cx->arena, n + 1);
	if (p == NULL)
		return STR_NONE;
	n = 0;
	json_each(s, list)
	{
		struct str text = json_get_jstr(s, STR("text"));

		if (text.n > 0)
			memcpy(p + n, text.p, text.n);
		n += text.n;
	}
	return str_mk(p, n);
}

/* Encrypted content that is not of ours is another provider's, and thoughts that nobody signed are
 * of no use to another model: dropped. */
static int read_reasoning(struct openai_reader *r, const struct json_node *v)
{
	struct chat_part *last = r->last, *p;
	struct str value = STR_NONE;
	enum responses_opaque what =
		responses_opaque_of(json_get_jstr(v, STR("encrypted_content")), &value);

	if (what == OPAQUE_NONE)
		return 0;
	if (what == OPAQUE_SIGNATURE) {
		if (last != NULL)
			last->signature = value;
		return 0;
	}
	p = openai_add_turn(r, CHAT_ASSISTANT) != NULL
		    ? openai_add_part(r, what == OPAQUE_THINKING ? PART_THINKING : PART_REDACTED)
		    : NULL;
	if (p == NULL)
		return -1;
	if (what == OPAQUE_REDACTED) {
		p->data = value;
		return 0;
	}
	p->signature = value;
	p->text = summary_text(r, v);
	return p->text.p != NULL ? 0
				 : chat_fail(r->cx, "The request is too large to be translated.");
}

/* A picture of an earlier answer. One that was kept at the provider has no result; one that failed
 * never had any, and says nothing. */
static int read_picture(struct openai_reader *r, const struct json_node *v)
{
	struct str format = json_get_jstr(v, STR("output_format"));
	struct chat_part *p;

	if (json_get_jstr(v, STR("result")).n == 0) {
		if (!str_eq(json_get_jstr(v, STR("status")), STR("failed")))
			chat_unsupported(
				r->cx, "input[].image_generation_call (without its result)");
		return 0;
	}
	p = openai_add_turn(r, CHAT_ASSISTANT) != NULL ? openai_add_part(r, PART_IMAGE) : NULL;
	if (p == NULL)
		return -1;
	p->data = json_get_jstr(v, STR("result"));
	p->mime = arena_printf(
		r->cx->arena, "image/%.*s", STR_FMT(format.n > 0 ? format : STR("png")));
	return p->mime.p != NULL ? 0
				 : chat_fail(r->cx, "The request is too large to be translated.");
}

static int read_reference(struct openai_reader *r, const struct json_node *v)
{
	(void)v;
	return bad_item(r, "refers to an item that the provider would have had to keep: send the "
			   "item itself.");
}

static const struct openai_member items[] = {
	{ STR("message"), read_message },
	{ STR("function_call"), read_call },
	{ STR("function_call_output"), read_output },
	{ STR("reasoning"), read_reasoning },
	{ STR("image_generation_call"), read_picture },
	{ STR("item_reference"), read_reference },
};

static int read_item(struct openai_reader *r, const struct json_node *v)
{
	struct str type = json_get_jstr(v, STR("type"));

	if (v->type != JSON_OBJECT)
		return bad_item(r, "must be an object.");
	if (type.p == NULL)
		return read_message(r, v);
	for (size_t i = 0; i < TG_ARRAY_LEN(items); i++)
		if (str_eq(type, items[i].key))
			return items[i].read(r, v);
	chat_unsupported_in(r->cx, "input[].", type);
	return 0;
}

static int read_input(struct openai_reader *r, const struct json_node *v)
{
	if (v->type == JSON_STRING)
		return openai_add_turn(r, CHAT_USER) != NULL ? read_content(r, v) : -1;
	if (v->type != JSON_ARRAY || v->child == NULL)
		return chat_fail(r->cx, "'input' must be a string or an array of items.");
	r->index = 0;
	json_each(item, v)
	{
		if (read_item(r, item) != 0)
			return -1;
		r->index++;
	}
	return 0;
}

/* ---- members */

static int read_instructions(struct openai_reader *r, const struct json_node *v)
{
	if (v->type != JSON_STRING)
		return chat_fail(r->cx, "'instructions' must be a string.");
	return openai_add_turn(r, CHAT_SYSTEM) != NULL ? read_content(r, v) : -1;
}

static int read_tools(struct openai_reader *r, const struct json_node *v)
{
	if (v->type != JSON_ARRAY)
		return chat_fail(r->cx, "'tools' must be an array.");
	json_each(t, v)
	{
		struct str type = json_get_jstr(t, STR("type"));

		if (str_eq(type, STR("namespace"))) {
			if (responses_space_read(r, t) != 0)
				return -1;
		} else if (!str_eq(type, STR("function")))
			chat_unsupported_in(r->cx, "tools[].", type);
		else if (responses_space_none(r, t) != 0)
			return -1;
	}
	return responses_space_sort(r->cx);
}

static int read_limit(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_limit(r, v, "max_output_tokens");
}

static int read_reasoning_knob(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *effort = json_get(v, STR("effort"));
	struct str summary = json_get_jstr(v, STR("summary"));

	if (effort != NULL && effort->type != JSON_NULL &&
		openai_read_effort(r, effort, "reasoning.effort") != 0)
		return -1;
	if (summary.p == NULL)
		summary = json_get_jstr(v, STR("generate_summary"));
	r->rq->think_show = summary.n > 0;
	return 0;
}

static int read_text_knob(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *format = json_get_type(v, STR("format"), JSON_OBJECT);
	struct str verbosity = json_get_jstr(v, STR("verbosity"));

	if (verbosity.n > 0 && !str_eq(verbosity, STR("medium")))
		chat_unsupported(r->cx, "text.verbosity");
	return format != NULL ? openai_read_format(r, format, format, "text.format") : 0;
}

static int refuse_state(struct openai_reader *r, const struct json_node *v)
{
	return chat_fail(r->cx,
		"'%.*s' needs what an earlier request left at the provider; this model's target "
		"keeps nothing. Send the whole conversation in 'input'.",
		STR_FMT(v->key));
}

/* Members that are unsupported when they are switched on. */
static int note_if_on(struct openai_reader *r, const struct json_node *v)
{
	uint64_t n;

	if (json_node_true(v) || (json_node_u64(v, &n) == 0 && n > 0))
		chat_unsupported_in(r->cx, "", v->key);
	return 0;
}

static int read_truncation(struct openai_reader *r, const struct json_node *v)
{
	if (!str_eq(json_jstr(v), STR("disabled")))
		chat_unsupported(r->cx, "truncation");
	return 0;
}

/* Of all that can be included, logprobs are what any answer could have. */
static int read_include(struct openai_reader *r, const struct json_node *v)
{
	json_each(what, v) if (str_eq(json_jstr(what), STR("message.output_text.logprobs")))
		chat_unsupported(r->cx, "include.message.output_text.logprobs");
	return 0;
}

/* In this order: instructions before the input, tools before what chooses among them. */
static const struct openai_member members[] = {
	{ STR("model"), NULL }, { STR("instructions"), read_instructions },
	{ STR("input"), read_input }, { STR("tools"), read_tools },
	{ STR("tool_choice"), openai_read_choice },
	{ STR("parallel_tool_calls"), openai_read_parallel },
	{ STR("max_output_tokens"), read_limit }, { STR("temperature"), openai_read_temperature },
	{ STR("top_p"), openai_read_top_p }, { STR("reasoning"), read_reasoning_knob },
	{ STR("text"), read_text_knob }, { STR("stream"), openai_read_stream },
	{ STR("user"), openai_read_user }, { STR("safety_identifier"), openai_read_user },
	{ STR("service_tier"), openai_read_tier }, { STR("previous_response_id"), refuse_state },
	{ STR("conversation"), refuse_state }, { STR("prompt"), refuse_state },
	{ STR("background"), note_if_on }, { STR("store"), note_if_on },
	{ STR("top_logprobs"), note_if_on }, { STR("truncation"), read_truncation },
	{ STR("include"), read_include },
	/* nothing of the answer depends on these */
	{ STR("stream_options"), NULL }, { STR("metadata"), NULL },
	{ STR("client_metadata"), NULL }, { STR("prompt_cache_key"), NULL },
	{ STR("prompt_cache_retention"), NULL }, { STR("prompt_cache_options"), NULL },
	{ STR("max_tool_calls"), NULL }, /* of the provider's own tools */
};

int responses_read_request(
	struct chat_context *cx, const struct json_node *root, struct chat_request *rq)
{
	struct openai_reader r = {
		.cx = cx, .rq = rq, .root = root, .turn_tail = &rq->turn, .tool_tail = &rq->tool
	};

	cx->spaces = NULL;
	*rq = (struct chat_request){
		.parallel = -1, .schema_strict = -1, .think = -1, .think_budget = -1
	};
	if (openai_read_members(&r, members, TG_ARRAY_LEN(members)) != 0)
		return -1;
	if (rq->turn == NULL)
		return chat_fail(cx, "'input' is missing.");
	return chat_name_results(cx, rq);
}
