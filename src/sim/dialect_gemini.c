/*
 * dialect_gemini.c: Gemini's generateContent and streamGenerateContent, as events (alt=sse) and as
 * an array that comes piece by piece, on the paths of the Gemini API and of Vertex.
 *
 * Stream positions (r->step), each for every candidate: thoughts one token a chunk when they are
 * shown, pieces of the text (or the whole call), the chunk with the finish reason. Every chunk
 * tells the usage so far. What a request must keep for a model to take its calls back (signatures
 * of Gemini 3, a response for every call) is checked here as the vendor does.
 */
#include "sim/dialect_gemini.h"
#include "sim/sim_json.h"
#include "sim/sim_text.h"

#define THINK_TOKENS 8

static bool is_sse(const struct sim_req *r)
{
	return str_find(r->query, STR("alt=sse")) != (size_t)-1;
}

static bool is_stream(const struct sim_req *r)
{
	return str_ends(r->path, STR(":streamGenerateContent"));
}

bool sim_gemini_is_vertex(const struct sim_req *r)
{
	return str_find(r->path, STR("/projects/")) != (size_t)-1;
}

bool sim_gemini_is_array(const struct sim_req *r)
{
	return is_stream(r) && !is_sse(r);
}

/* Gemini 3 signs calls, and wants them back with it. */
static bool signs(const struct sim_req *r)
{
	return str_starts(r->model, STR("gemini-3"));
}

/* ---- usage */

static void put_modality(struct sim_buf *b, const char *word, uint64_t n, bool *comma)
{
	if (n == 0)
		return;
	sim_buf_fmt(b, "%s{\"modality\":\"%s\",\"tokenCount\":", *comma ? "," : "", word);
	sim_buf_u64(b, n);
	sim_buf_lit(b, "}");
	*comma = true;
}

void sim_gemini_put_details(
	struct sim_buf *b, const char *key, uint64_t all, uint64_t image, uint64_t audio)
{
	bool comma = false;

	sim_buf_fmt(b, ",\"%s\":[", key);
	put_modality(b, "TEXT", all - TG_MIN(all, image + audio), &comma);
	put_modality(b, "IMAGE", TG_MIN(all, image), &comma);
	put_modality(b, "AUDIO", TG_MIN(all, audio), &comma);
	sim_buf_lit(b, "]");
}

static void put_count(struct sim_buf *b, const char *key, uint64_t n)
{
	sim_buf_fmt(b, "\"%s\":", key);
	sim_buf_u64(b, n);
	sim_buf_lit(b, ",");
}

/* How the vendor names the tier that served. */
static void put_tier(struct sim_req *r, struct sim_buf *b)
{
	if (!sim_gemini_is_vertex(r)) {
		sim_buf_lit(b, ",\"serviceTier\":");
		sim_buf_quote(b, r->tier);
	} else {
		sim_buf_add(b, str_eq(r->tier, STR("priority"))
				       ? STR(",\"trafficType\":\"ON_DEMAND_PRIORITY\"")
			       : str_eq(r->tier, STR("flex"))
				       ? STR(",\"trafficType\":\"ON_DEMAND_FLEX\"")
				       : STR(",\"trafficType\":\"ON_DEMAND\""));
	}
}

/* `output`: of the candidates, so far. Thoughts and cached tokens: see the vendor's formula; cached
 * ones are inside the prompt, thoughts are beside the candidates. */
static void put_usage(struct sim_req *r, struct sim_buf *b, uint64_t output, uint64_t thoughts)
{
	struct sim_usage u = sim_usage_shown(r);
	uint64_t prompt = u.input + u.cached_read;

	sim_buf_lit(b, "\"usageMetadata\":{");
	put_count(b, "promptTokenCount", prompt);
	if (u.cached_read != 0)
		put_count(b, "cachedContentTokenCount", u.cached_read);
	if (output != 0)
		put_count(b, "candidatesTokenCount", output);
	if (thoughts != 0)
		put_count(b, "thoughtsTokenCount", thoughts);
	sim_buf_lit(b, "\"totalTokenCount\":");
	sim_buf_u64(b, prompt + output + thoughts);
	sim_gemini_put_details(b, "promptTokensDetails", prompt, r->usage_image, r->usage_audio);
	if (u.cached_read != 0)
		sim_gemini_put_details(b, "cacheTokensDetails", u.cached_read, 0, 0);
	put_tier(r, b);
	sim_buf_lit(b, "}");
}

/* ---- pieces of an answer */

static void put_signature(struct sim_req *r, struct sim_buf *b)
{
	char raw[24];

	for (unsigned i = 0; i < sizeof raw; i++)
		raw[i] = (char)sim_mix(r->plan.seed + i);
	sim_buf_lit(b, ",\"thoughtSignature\":\"");
	sim_buf_base64(b, str_mk(raw, sizeof raw));
	sim_buf_lit(b, "\"");
}

static void put_call(struct sim_req *r, struct sim_buf *b)
{
	sim_buf_lit(b, "{\"functionCall\":{\"name\":\"");
	sim_buf_add(b, r->plan.tool_name);
	sim_buf_lit(b, "\",\"args\":");
	sim_buf_add(b, sim_buf_str(&r->plan.tool_args));
	sim_buf_lit(b, "}");
	if (signs(r))
		put_signature(r, b);
	sim_buf_lit(b, "}");
}

/* x-sim-finish says it outright; "none": left out. */
static void put_finish(struct sim_req *r, struct sim_buf *b)
{
	struct str word = r->knobs.finish;

	if (str_eq(word, STR("none")))
		return;
	sim_buf_lit(b, ",\"finishReason\":");
	if (word.n != 0)
		sim_buf_quote(b, word);
	else
		sim_buf_add(b, r->plan.cut ? STR("\"MAX_TOKENS\"") : STR("\"STOP\""));
}

static void put_candidate_open(struct sim_buf *b)
{
	sim_buf_lit(b, "{\"content\":{\"parts\":[");
}

static void put_candidate_close(struct sim_req *r, struct sim_buf *b, uint64_t choice, bool end)
{
	sim_buf_lit(b, "],\"role\":\"model\"}");
	if (end)
		put_finish(r, b);
	sim_buf_lit(b, ",\"index\":");
	sim_buf_u64(b, choice);
	sim_buf_lit(b, "}");
}

/* Behind the candidates: what every chunk and every whole answer ends with. */
static void put_rest(struct sim_req *r, struct sim_buf *b, uint64_t output, uint64_t thoughts)
{
	if (!sim_usage_hidden(r)) {
		sim_buf_lit(b, ",");
		put_usage(r, b, output, thoughts);
	}
	sim_buf_lit(b, ",\"modelVersion\":");
	sim_buf_quote(b, sim_served(r));
	sim_buf_lit(b, ",\"responseId\":\"");
	sim_put_id(r, b, STR(""));
	sim_buf_lit(b, "\"}");
}

/* ---- streamed */

static void put_thought(struct sim_req *r, struct sim_buf *b, uint64_t from, uint64_t to)
{
	sim_buf_lit(b, "{\"text\":\"");
	sim_text_put(b, ~r->plan.seed, from, to);
	sim_buf_lit(b, "\",\"thought\":true}");
}

/* One candidate's chunk; `at` counts its thoughts, then its pieces, then its end. */
static void put_chunk(struct sim_req *r, struct sim_buf *b, uint64_t choice, uint64_t at)
{
	const struct sim_plan *p = &r->plan;
	uint64_t pieces = p->tool ? 1 : p->events;
	bool end = at == p->think_tokens + pieces;

	put_candidate_open(b);
	if (at < p->think_tokens) {
		put_thought(r, b, at, at + 1);
		r->ev_reasoning = choice == 0;
	} else if (end) {
		sim_buf_lit(b, "{\"text\":\"\"");
		if (signs(r) && !p->tool)
			put_signature(r, b);
		sim_buf_lit(b, "}");
	} else if (p->tool) {
		put_call(r, b);
		r->ev_tokens = p->tokens;
	} else {
		sim_buf_lit(b, "{\"text\":\"");
		sim_put_piece(r, b, choice, at - p->think_tokens);
		sim_buf_lit(b, "\"}");
		r->ev_tokens = sim_piece_tokens(r, at - p->think_tokens);
	}
	put_candidate_close(r, b, choice, end);
}

static void frame_open(const struct sim_req *r, struct sim_buf *b, bool first)
{
	sim_buf_add(b, !sim_gemini_is_array(r) ? STR("data: ") : first ? STR("[") : STR(",\r\n"));
}

static void frame_close(const struct sim_req *r, struct sim_buf *b, bool last)
{
	sim_buf_add(b, !sim_gemini_is_array(r) ? STR("\r\n\r\n") : last ? STR("]") : STR(""));
}

static uint64_t stream_chunks(const struct sim_req *r)
{
	const struct sim_plan *p = &r->plan;

	return p->n * (p->think_tokens + (p->tool ? 1 : p->events) + 1);
}

static bool generate_next(struct sim_req *r, struct sim_buf *b)
{
	uint64_t step = r->step++, n = r->plan.n, output;
	bool last = step + 1 == stream_chunks(r);

	frame_open(r, b, step == 0);
	sim_buf_lit(b, "{\"candidates\":[");
	put_chunk(r, b, step % n, step / n);
	sim_buf_lit(b, "]");
	output = last ? sim_usage_shown(r).output : r->gen_tokens + r->ev_tokens;
	put_rest(r, b, output,
		output != 0 ? r->usage.reasoning : r->gen_reasoning + r->ev_reasoning);
	r->ev_usage = last && !sim_usage_hidden(r);
	frame_close(r, b, last);
	return !last;
}

/* ---- whole */

static void answer_whole(struct sim_req *r)
{
	struct sim_buf *b = &r->json;

	sim_buf_lit(b, "{\"candidates\":[");
	for (uint64_t c = 0; c < r->plan.n; c++) {
		if (c != 0)
			sim_buf_lit(b, ",");
		put_candidate_open(b);
		if (r->plan.think_tokens != 0) {
			put_thought(r, b, 0, r->plan.think_tokens);
			sim_buf_lit(b, ",");
		}
		if (r->plan.tool) {
			put_call(r, b);
		} else {
			sim_buf_lit(b, "{\"text\":\"");
			sim_put_text(r, b, c);
			sim_buf_lit(b, "\"");
			if (signs(r))
				put_signature(r, b);
			sim_buf_lit(b, "}");
		}
		put_candidate_close(r, b, c, true);
	}
	sim_buf_lit(b, "]");
	put_rest(r, b, sim_usage_shown(r).output, r->usage.reasoning);
	sim_buf_lit(b, "\n");
	sim_answer_json(r, 200, true);
}

/* x-sim-finish: BLOCKED: the prompt was refused: no candidate, and nothing was generated. */
static bool blocked_next(struct sim_req *r, struct sim_buf *b)
{
	if (is_stream(r))
		frame_open(r, b, true);
	sim_buf_lit(b, "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}");
	put_rest(r, b, 0, 0);
	r->ev_usage = !sim_usage_hidden(r);
	if (is_stream(r))
		frame_close(r, b, true);
	return false;
}

static void answer_blocked(struct sim_req *r)
{
	r->usage.output = r->usage.reasoning = 0;
	if (is_stream(r)) {
		sim_answer_stream_as(
			r, sim_gemini_is_array(r) ? SIM_TYPE_JSON : SIM_TYPE_SSE, blocked_next, 1);
		return;
	}
	(void)blocked_next(r, &r->json);
	sim_answer_json(r, 200, true);
}

/* ---- what is asked */

enum { CONTENTS, SYSTEM, TOOLS, CHOICE, CONFIG, TIER, N_WATCH };

static int scan_body(struct sim_req *r, struct json_watch w[N_WATCH])
{
	static const struct str key[N_WATCH] = { { "contents", 8 }, { "systemInstruction", 17 },
		{ "tools", 5 }, { "toolConfig", 10 }, { "generationConfig", 16 },
		{ "serviceTier", 11 } };

	for (unsigned i = 0; i < N_WATCH; i++)
		w[i] = (struct json_watch){ .key = key[i] };
	if (sim_body_scan(r, w, N_WATCH) != 0 || sim_take_model_text(r, r->path_arg) != 0)
		return -1;
	if (w[CONTENTS].val.type == JSON_ARRAY)
		return 0;
	sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
		STR("* GenerateContentRequest.contents: contents is not specified\n"), STR_NONE);
	return -1;
}

/* Which function is called: ANY demands one, NONE forbids it, else the user's word decides. */
static struct str pick(
	struct sim_req *r, const struct json_watch w[N_WATCH], struct json_val *schema)
{
	struct json_watch config = { STR("functionCallingConfig"), { 0 } },
			  m[] = { { STR("mode"), { 0 } }, { STR("allowedFunctionNames"), { 0 } } };
	struct json_fail fail;
	struct json_iter it = { 0 };
	struct json_val name;
	struct str want = STR_NONE;

	if (w[CHOICE].val.type == JSON_OBJECT &&
		json_scan_member(&w[CHOICE].val, &config, 1, &fail) == 0 &&
		config.val.type == JSON_OBJECT)
		(void)!json_scan_member(&config.val, m, TG_ARRAY_LEN(m), &fail);
	if (str_eq(m[0].val.raw, STR("\"NONE\"")) ||
		(!str_eq(m[0].val.raw, STR("\"ANY\"")) && !r->prompt.tool_word))
		return STR_NONE;
	if (m[1].val.type == JSON_ARRAY && json_array_next(&m[1].val, &it, &name) &&
		json_get_plain(&name, &want) != 0)
		want = STR_NONE;
	return sim_gemini_find_tool(&w[TOOLS].val, want, schema);
}

static void take_config(
	struct sim_req *r, const struct json_val *config, uint64_t *max, uint64_t *n)
{
	enum { MAX, N, THINKING };
	struct json_watch w[] = { { STR("maxOutputTokens"), { 0 } },
		{ STR("candidateCount"), { 0 } }, { STR("thinkingConfig"), { 0 } } },
			  show = { STR("includeThoughts"), { 0 } };
	struct json_fail fail;

	*max = SIM_UNSET;
	*n = 1;
	if (config->type != JSON_OBJECT || json_scan_member(config, w, TG_ARRAY_LEN(w), &fail) != 0)
		return;
	*max = sim_count(&w[MAX].val, SIM_UNSET);
	*n = sim_count(&w[N].val, 1);
	if (w[THINKING].val.type == JSON_OBJECT &&
		json_scan_member(&w[THINKING].val, &show, 1, &fail) == 0 && json_true(&show.val))
		r->plan.think_tokens = THINK_TOKENS;
}

/* The vendor has no cache writes: they are prompt. */
static void take_usage_knobs(struct sim_req *r)
{
	r->knobs.cache_write = r->knobs.cache_write_1h = SIM_UNSET;
}

void sim_gemini_generate(struct sim_req *r)
{
	struct json_watch w[N_WATCH];
	struct sim_gemini_walk walk = { .r = r, .signs = false };
	struct json_val schema = { 0 };
	uint64_t max, n;

	if (scan_body(r, w) != 0)
		return;
	walk.signs = signs(r);
	sim_gemini_walk_system(&walk, &w[SYSTEM].val);
	sim_gemini_walk_contents(&walk, &w[CONTENTS].val);
	if (walk.wrong != NULL) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST, str_z(walk.wrong), STR_NONE);
		return;
	}
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	r->stream = is_stream(r);
	sim_take_tier(r, &w[TIER].val, STR("standard"));
	take_usage_knobs(r);
	take_config(r, &w[CONFIG].val, &max, &n);
	sim_plan_make(r, max, n, pick(r, w, &schema), &schema);
	r->usage_image = TG_MIN(walk.image_tokens, r->usage.input);
	r->usage_audio = TG_MIN(walk.audio_tokens, r->usage.input - r->usage_image);
	if (str_eq(r->knobs.finish, STR("BLOCKED")))
		answer_blocked(r);
	else if (r->stream)
		sim_answer_stream_as(r, sim_gemini_is_array(r) ? SIM_TYPE_JSON : SIM_TYPE_SSE,
			generate_next, stream_chunks(r));
	else
		answer_whole(r);
}

void sim_gemini_count(struct sim_req *r)
{
	struct json_watch w[N_WATCH];
	struct sim_gemini_walk walk = { .r = r };
	uint64_t tokens;

	sim_body_unwrap(r, STR("generateContentRequest"));
	if (scan_body(r, w) != 0)
		return;
	sim_gemini_walk_system(&walk, &w[SYSTEM].val);
	sim_gemini_walk_contents(&walk, &w[CONTENTS].val);
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	tokens = sim_tokens_of(r->prompt.bytes) + r->prompt.fixed_tokens;
	sim_buf_lit(&r->json, "{\"totalTokens\":");
	sim_buf_u64(&r->json, tokens);
	sim_gemini_put_details(
		&r->json, "promptTokensDetails", tokens, walk.image_tokens, walk.audio_tokens);
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, false); /* counting is free */
}
