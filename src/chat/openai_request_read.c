/*
 * openai_request_read.c: a chat completions request, read. Content comes as a string or as parts,
 * reasoning of other providers in the members that relays use for it (reasoning_content,
 * thinking_blocks, extra_content: docs/internals/translation.md, rule 4). Pure; any thread.
 */
#include "chat/openai_int.h"

static int bad_message(struct openai_reader *r, const char *what)
{
	return chat_fail(r->cx, "'messages[%zu]' %s", r->index, what);
}

/* ---- content */

static int read_image_part(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *image = json_get(v, STR("image_url"));
	struct str url = image != NULL && image->type == JSON_STRING
				 ? json_jstr(image)
				 : json_get_jstr(image, STR("url"));
	struct chat_part *p;

	if (url.p == NULL)
		return bad_message(r, "has an image_url without a url.");
	p = openai_add_part(r, PART_IMAGE);
	if (p == NULL)
		return -1;
	openai_read_image(p, url, json_get_jstr(image, STR("detail")));
	p->cache = openai_read_cache(v);
	return 0;
}

static int read_audio_part(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *audio = json_get_type(v, STR("input_audio"), JSON_OBJECT);
	struct chat_part *p;

	if (json_get_jstr(audio, STR("data")).p == NULL)
		return bad_message(r, "has an input_audio without data.");
	p = openai_add_part(r, PART_AUDIO);
	if (p == NULL)
		return -1;
	openai_read_audio(r->cx, p, audio);
	return 0;
}

static int read_file_part(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *file = json_get_type(v, STR("file"), JSON_OBJECT);
	struct chat_part *p = openai_add_part(r, PART_FILE);

	if (p == NULL)
		return -1;
	openai_read_file(p, file);
	p->cache = openai_read_cache(v);
	if (p->data.p == NULL && p->file_id.p == NULL && p->url.p == NULL)
		return bad_message(r, "has a file without file_data or file_id.");
	return 0;
}

static int read_video_part(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *video = json_get_type(v, STR("video_url"), JSON_OBJECT);
	struct str url = json_get_jstr(video, STR("url"));
	struct chat_part *p;

	if (url.p == NULL)
		return bad_message(r, "has a video_url without a url.");
	p = openai_add_part(r, PART_VIDEO);
	if (p == NULL)
		return -1;
	openai_read_image(p, url, STR_NONE);
	return 0;
}

static int read_text_part(struct openai_reader *r, const struct json_node *v)
{
	struct str text = json_get_jstr(v, STR("text"));
	struct chat_part *p;

	if (text.p == NULL)
		return bad_message(r, "has a text part without text.");
	if (text.n == 0) /* says nothing, and some APIs refuse it */
		return 0;
	p = openai_add_text(r, PART_TEXT, text);
	if (p == NULL)
		return -1;
	p->cache = openai_read_cache(v);
	return 0;
}

static int read_refusal_part(struct openai_reader *r, const struct json_node *v)
{
	struct str text = json_get_jstr(v, STR("refusal"));

	if (text.p == NULL)
		return bad_message(r, "has a refusal part without refusal.");
	return openai_add_text(r, PART_REFUSAL, text) != NULL ? 0 : -1;
}

static const struct openai_member part_types[] = {
	{ STR("text"), read_text_part },
	{ STR("image_url"), read_image_part },
	{ STR("input_audio"), read_audio_part },
	{ STR("file"), read_file_part },
	{ STR("video_url"), read_video_part },
	{ STR("refusal"), read_refusal_part },
};

static int read_part(struct openai_reader *r, const struct json_node *v)
{
	struct str type = json_get_jstr(v, STR("type"));

	for (size_t i = 0; i < TG_ARRAY_LEN(part_types); i++)
		if (str_eq(type, part_types[i].key))
			return part_types[i].read(r, v);
	if (type.p == NULL)
		return bad_message(r, "has a content part without a type.");
	chat_unsupported_in(r->cx, "messages[].content[].", type);
	return 0;
}

/* A string, parts, or nothing at all (an assistant that only calls tools). */
static int read_content(struct openai_reader *r, const struct json_node *m)
{
	const struct json_node *content = json_get(m, STR("content"));

	if (content == NULL || content->type == JSON_NULL)
		return 0;
	if (content->type == JSON_STRING && json_jstr(content).n == 0)
		return 0;
	if (content->type == JSON_STRING)
		return openai_add_text(r, PART_TEXT, json_jstr(content)) != NULL ? 0 : -1;
	if (content->type != JSON_ARRAY)
		return bad_message(r, "must have a string or an array of parts as its content.");
	json_each(v, content) if (read_part(r, v) != 0) return -1;
	return 0;
}

/* ---- an assistant's message */

/* Anthropic's blocks as they are. */
static int read_thinking_blocks(struct openai_reader *r, const struct json_node *blocks)
{
	json_each(b, blocks)
	{
		struct str type = json_get_jstr(b, STR("type"));
		bool redacted = str_eq(type, STR("redacted_thinking"));
		struct chat_part *p;

		if (!redacted && !str_eq(type, STR("thinking")))
			continue;
		p = openai_add_part(r, redacted ? PART_REDACTED : PART_THINKING);
		if (p == NULL)
			return -1;
		p->data = json_get_jstr(b, STR("data"));
		p->text = json_get_jstr(b, STR("thinking"));
		p->signature = json_get_jstr(b, STR("signature"));
	}
	return 0;
}

static int read_reasoning(struct openai_reader *r, const struct json_node *m)
{
	const struct json_node *blocks = json_get_type(m, STR("thinking_blocks"), JSON_ARRAY);
	struct str text = json_get_jstr(m, STR("reasoning_content"));

	if (blocks != NULL && blocks->child != NULL)
		return read_thinking_blocks(r, blocks);
	if (text.n == 0)
		text = json_get_jstr(m, STR("reasoning"));
	return text.n == 0 || openai_add_text(r, PART_THINKING, text) != NULL ? 0 : -1;
}

static int read_call(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *f = json_get_type(v, STR("function"), JSON_OBJECT);
	struct str type = json_get_jstr(v, STR("type"));
	struct chat_part *p;

	if (f == NULL && type.n > 0) {
		chat_unsupported_in(r->cx, "messages[].tool_calls[].", type);
		return 0;
	}
	p = openai_add_part(r, PART_CALL);
	if (p == NULL)
		return -1;
	p->id = json_get_jstr(v, STR("id"));
	p->name = json_get_jstr(f, STR("name"));
	p->signature = openai_thought_signature(v);
	if (p->id.n == 0 || p->name.n == 0)
		return bad_message(r, "has a tool call without an id or a function's name.");
	p->args = chat_args_of_jstr(r->cx, json_get_jstr(f, STR("arguments")));
	return p->args.n > 0 ? 0 : chat_fail(r->cx, "The request is too large to be translated.");
}

/* The signature of a text stands at the message. */
static void sign_text(struct chat_turn *t, struct str signature)
{
	struct chat_part *last = NULL;

	for (struct chat_part *p = t->part; p != NULL; p = p->next)
		if (p->kind == PART_TEXT)
			last = p;
	if (last != NULL)
		last->signature = signature;
}

/* Pictures of an earlier answer, as it showed them. */
static int read_picture(struct openai_reader *r, const struct json_node *v)
{
	struct str url = openai_image_url(v);
	struct chat_part *p = url.n > 0 ? openai_add_part(r, PART_IMAGE) : NULL;

	if (p == NULL)
		return url.n == 0 ? 0 : -1;
	openai_read_image(p, url, STR_NONE);
	p->signature = openai_thought_signature(v);
	return 0;
}

static int read_assistant(struct openai_reader *r, const struct json_node *m)
{
	const struct json_node *calls = json_get_type(m, STR("tool_calls"), JSON_ARRAY);
	const struct json_node *pictures = json_get_type(m, STR("images"), JSON_ARRAY);
	struct str refusal = json_get_jstr(m, STR("refusal"));
	struct chat_turn *t = openai_add_turn(r, CHAT_ASSISTANT);

	if (t == NULL || read_reasoning(r, m) != 0 || read_content(r, m) != 0)
		return -1;
	if (refusal.n > 0 && openai_add_text(r, PART_REFUSAL, refusal) == NULL)
		return -1;
	sign_text(t, openai_thought_signature(m));
	json_each(v, pictures) if (read_picture(r, v) != 0) return -1;
	json_each(v, calls) if (read_call(r, v) != 0) return -1;
	if (json_get_type(m, STR("audio"), JSON_OBJECT) != NULL)
		chat_unsupported(r->cx, "messages[].audio");
	if (json_get_type(m, STR("function_call"), JSON_OBJECT) != NULL)
		chat_unsupported(r->cx, "messages[].function_call");
	return 0;
}

/* ---- the others */

static int read_plain(struct openai_reader *r, const struct json_node *m, enum chat_role role)
{
	return openai_add_turn(r, role) != NULL ? read_content(r, m) : -1;
}

static int read_system(struct openai_reader *r, const struct json_node *m)
{
	return read_plain(r, m, CHAT_SYSTEM);
}

static int read_user(struct openai_reader *r, const struct json_node *m)
{
	return read_plain(r, m, CHAT_USER);
}

static int read_tool(struct openai_reader *r, const struct json_node *m)
{
	struct chat_turn *t = openai_add_turn(r, CHAT_USER);
	struct chat_part *p = t != NULL ? openai_add_part(r, PART_RESULT) : NULL;

	if (p == NULL)
		return -1;
	p->id = json_get_jstr(m, STR("tool_call_id"));
	if (p->id.n == 0)
		return bad_message(r, "is a tool's and must have a tool_call_id.");
	p->cache = openai_read_cache(m);
	r->part_tail = &p->part;
	return read_content(r, m);
}

static const struct openai_member roles[] = {
	{ STR("system"), read_system },
	{ STR("developer"), read_system },
	{ STR("user"), read_user },
	{ STR("assistant"), read_assistant },
	{ STR("tool"), read_tool },
};

static int read_message(struct openai_reader *r, const struct json_node *m)
{
	struct str role = json_get_jstr(m, STR("role"));

	for (size_t i = 0; i < TG_ARRAY_LEN(roles); i++) {
		if (!str_eq(role, roles[i].key))
			continue;
		if (roles[i].read != read_tool && json_get_jstr(m, STR("name")).n > 0)
			chat_unsupported(r->cx, "messages[].name");
		return roles[i].read(r, m);
	}
	if (str_eq(role, STR("function"))) {
		chat_unsupported(r->cx, "messages[].role=function");
		return 0;
	}
	return bad_message(r, "must have a role: system, developer, user, assistant or tool.");
}

static int read_messages(struct openai_reader *r, const struct json_node *v)
{
	if (v->type != JSON_ARRAY || v->child == NULL)
		return chat_fail(r->cx, "'messages' must be an array of at least one message.");
	r->index = 0;
	json_each(m, v)
	{
		if (read_message(r, m) != 0)
			return -1;
		r->index++;
	}
	return 0;
}

/* ---- members */

static int read_tools(struct openai_reader *r, const struct json_node *v)
{
	if (v->type != JSON_ARRAY)
		return chat_fail(r->cx, "'tools' must be an array.");
	json_each(t, v)
	{
		const struct json_node *f = json_get_type(t, STR("function"), JSON_OBJECT);
		struct chat_tool *tool;

		if (f == NULL) {
			chat_unsupported_in(r->cx, "tools[].", json_get_jstr(t, STR("type")));
			continue;
		}
		tool = openai_add_tool(r, f);
		if (tool == NULL)
			return -1;
		tool->cache = openai_read_cache(t);
	}
	return 0;
}

static int read_max_tokens(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_limit(r, v, "max_tokens");
}

static int read_max_completion_tokens(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_limit(r, v, "max_completion_tokens");
}

static int read_stop(struct openai_reader *r, const struct json_node *v)
{
	struct chat_request *rq = r->rq;

	if (v->type == JSON_STRING) {
		rq->stop[rq->n_stop++] = json_jstr(v);
		return 0;
	}
	if (v->type != JSON_ARRAY)
		return chat_fail(r->cx, "'stop' must be a string or an array of strings.");
	json_each(s, v)
	{
		if (s->type != JSON_STRING || rq->n_stop == CHAT_STOPS)
			return chat_fail(r->cx, "'stop' must be at most %d strings.", CHAT_STOPS);
		rq->stop[rq->n_stop++] = json_jstr(s);
	}
	return 0;
}

static int read_top_k(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_number(r, v, "top_k", &r->rq->top_k);
}

static int read_seed(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_number(r, v, "seed", &r->rq->seed);
}

static int read_presence(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_number(r, v, "presence_penalty", &r->rq->presence_penalty);
}

static int read_frequency(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_number(r, v, "frequency_penalty", &r->rq->frequency_penalty);
}

/* One answer is what everybody gives. */
static int read_n(struct openai_reader *r, const struct json_node *v)
{
	uint64_t n;

	if (json_node_u64(v, &n) != 0 || n == 0 || n > 128)
		return chat_fail(r->cx, "'n' must be a number of answers, 1 to 128.");
	if (n > CHAT_CHOICES)
		chat_unsupported(r->cx, "n");
	else if (n > 1)
		r->rq->n = v->raw;
	return 0;
}

static int read_format(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_format(r, v, json_get(v, STR("json_schema")), "response_format");
}

static int read_effort(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_effort(r, v, "reasoning_effort");
}

/* Anthropic's member, as relays of its models take it: {"type":"enabled","budget_tokens":2048}. */
static int read_thinking(struct openai_reader *r, const struct json_node *v)
{
	struct str type = json_get_jstr(v, STR("type"));
	uint64_t budget;

	if (type.p == NULL)
		return chat_fail(
			r->cx, "'thinking' must have a type: enabled, adaptive, disabled.");
	r->rq->think = !str_eq(type, STR("disabled"));
	r->rq->think_show = r->rq->think != 0;
	if (json_node_u64(json_get(v, STR("budget_tokens")), &budget) == 0 && budget <= INT64_MAX)
		r->rq->think_budget = (int64_t)budget;
	else
		r->rq->think_budget = r->rq->think != 0 ? -1 : 0;
	return 0;
}

static int read_stream_options(struct openai_reader *r, const struct json_node *v)
{
	r->rq->stream_usage = json_node_true(json_get(v, STR("include_usage")));
	return 0;
}

static int read_logprobs(struct openai_reader *r, const struct json_node *v)
{
	if (openai_read_bool(r, v, "logprobs", &r->rq->logprobs) != 0)
		return -1;
	if (r->rq->logprobs)
		chat_unsupported(r->cx, "logprobs");
	return 0;
}

static int read_logit_bias(struct openai_reader *r, const struct json_node *v)
{
	if (v->child != NULL)
		chat_unsupported(r->cx, "logit_bias");
	return 0;
}

static int read_modalities(struct openai_reader *r, const struct json_node *v)
{
	json_each(m, v) if (!str_eq(json_jstr(m), STR("text")))
		chat_unsupported(r->cx, "modalities");
	return 0;
}

static int read_verbosity(struct openai_reader *r, const struct json_node *v)
{
	if (!str_eq(json_jstr(v), STR("medium")))
		chat_unsupported(r->cx, "verbosity");
	return 0;
}

/* In this order: tools before what chooses among them, max_tokens before its successor. */
static const struct openai_member members[] = {
	{ STR("model"), NULL },
	{ STR("messages"), read_messages },
	{ STR("tools"), read_tools },
	{ STR("tool_choice"), openai_read_choice },
	{ STR("parallel_tool_calls"), openai_read_parallel },
	{ STR("max_tokens"), read_max_tokens },
	{ STR("max_completion_tokens"), read_max_completion_tokens },
	{ STR("stop"), read_stop },
	{ STR("temperature"), openai_read_temperature },
	{ STR("top_p"), openai_read_top_p },
	{ STR("top_k"), read_top_k },
	{ STR("seed"), read_seed },
	{ STR("presence_penalty"), read_presence },
	{ STR("frequency_penalty"), read_frequency },
	{ STR("n"), read_n },
	{ STR("response_format"), read_format },
	{ STR("reasoning_effort"), read_effort },
	{ STR("thinking"), read_thinking },
	{ STR("stream"), openai_read_stream },
	{ STR("stream_options"), read_stream_options },
	{ STR("user"), openai_read_user },
	{ STR("safety_identifier"), openai_read_user },
	{ STR("service_tier"), openai_read_tier },
	{ STR("logprobs"), read_logprobs },
	{ STR("logit_bias"), read_logit_bias },
	{ STR("modalities"), read_modalities },
	{ STR("verbosity"), read_verbosity },
	/* nothing of the answer depends on these */
	{ STR("top_logprobs"), NULL },
	{ STR("metadata"), NULL },
	{ STR("store"), NULL },
	{ STR("prediction"), NULL },
	{ STR("prompt_cache_key"), NULL },
	{ STR("prompt_cache_retention"), NULL },
	{ STR("prompt_cache_options"), NULL },
};

int openai_read_request(
	struct chat_context *cx, const struct json_node *root, struct chat_request *rq)
{
	struct openai_reader r = {
		.cx = cx, .rq = rq, .root = root, .turn_tail = &rq->turn, .tool_tail = &rq->tool
	};

	*rq = (struct chat_request){
		.parallel = -1, .schema_strict = -1, .think = -1, .think_budget = -1
	};
	if (openai_read_members(&r, members, TG_ARRAY_LEN(members)) != 0)
		return -1;
	if (rq->turn == NULL)
		return chat_fail(cx, "'messages' is missing.");
	return chat_name_results(cx, rq);
}
