/*
 * dialect_routes.c: the table of every path the simulator answers, in every dialect.
 */
#include "sim/dialect.h"

#define P(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}

/* What can be asked of a Gemini model, on each of the paths it is known by. */
#define VERB(path, verb, fn)                                               \
	{                                                                  \
		"POST", P(path ":" verb), &sim_gemini, SIM_BODY_JSON, (fn) \
	}
#define GEMINI(path)                                                      \
	VERB(path, "generateContent", sim_gemini_generate),               \
		VERB(path, "streamGenerateContent", sim_gemini_generate), \
		VERB(path, "countTokens", sim_gemini_count),              \
		VERB(path, "embedContent", sim_gemini_embed),             \
		VERB(path, "batchEmbedContents", sim_gemini_embed_batch), \
		VERB(path, "predict", sim_vertex_predict)

/* What Azure has of OpenAI's, by deployment and under /openai/v1. */
#define AZURE(path, dialect)                                                                      \
	{ "POST", P(path "/chat/completions"), (dialect), SIM_BODY_JSON, sim_openai_chat },       \
		{ "POST", P(path "/completions"), (dialect), SIM_BODY_JSON,                       \
			sim_openai_completions },                                                 \
		{ "POST", P(path "/embeddings"), (dialect), SIM_BODY_JSON,                        \
			sim_openai_embeddings },                                                  \
		{ "POST", P(path "/images/generations"), (dialect), SIM_BODY_JSON,                \
			sim_openai_images },                                                      \
		{ "POST", P(path "/audio/speech"), (dialect), SIM_BODY_JSON, sim_openai_speech }, \
	{                                                                                         \
		"POST", P(path "/audio/transcriptions"), (dialect), SIM_BODY_FORM,                \
			sim_openai_transcriptions                                                 \
	}
/* A host that copies OpenAI. */
#define HOST(path, host)                                                                         \
	{ "POST", P(path "/chat/completions"), (host), SIM_BODY_JSON, sim_openai_chat },         \
		{ "POST", P(path "/embeddings"), (host), SIM_BODY_JSON, sim_openai_embeddings }, \
	{                                                                                        \
		"GET", P(path "/models"), (host), SIM_BODY_NONE, sim_openai_models               \
	}

static const struct sim_route routes[] = {
	{ "POST", P("/v1/chat/completions"), &sim_openai, SIM_BODY_JSON, sim_openai_chat },
	{ "POST", P("/v1/completions"), &sim_openai, SIM_BODY_JSON, sim_openai_completions },
	{ "POST", P("/v1/responses"), &sim_openai, SIM_BODY_JSON, sim_openai_responses },
	{ "POST", P("/v1/responses/input_tokens"), &sim_openai, SIM_BODY_JSON,
		sim_openai_responses_count },
	{ "POST", P("/v1/messages"), &sim_anthropic, SIM_BODY_JSON, sim_anthropic_messages },
	{ "POST", P("/v1/messages/count_tokens"), &sim_anthropic, SIM_BODY_JSON,
		sim_anthropic_count },
	{ "POST", P("/v1/embeddings"), &sim_openai, SIM_BODY_JSON, sim_openai_embeddings },
	{ "POST", P("/v1/moderations"), &sim_openai, SIM_BODY_JSON, sim_openai_moderations },
	{ "POST", P("/v1/images/generations"), &sim_openai, SIM_BODY_JSON, sim_openai_images },
	{ "POST", P("/v1/images/edits"), &sim_openai, SIM_BODY_FORM, sim_openai_image_edits },
	{ "POST", P("/v1/images/variations"), &sim_openai, SIM_BODY_FORM, sim_openai_image_edits },
	{ "POST", P("/v1/audio/speech"), &sim_openai, SIM_BODY_JSON, sim_openai_speech },
	{ "POST", P("/v1/audio/transcriptions"), &sim_openai, SIM_BODY_FORM,
		sim_openai_transcriptions },
	{ "POST", P("/v1/audio/translations"), &sim_openai, SIM_BODY_FORM,
		sim_openai_transcriptions },
	{ "GET", P("/v1/models"), &sim_openai, SIM_BODY_NONE, sim_openai_models },
	{ "GET", P("/v1/models/{}"), &sim_openai, SIM_BODY_NONE, sim_openai_model },
	{ "POST", P("/v1/files"), &sim_openai, SIM_BODY_FORM, sim_openai_file_upload },
	{ "GET", P("/v1/files"), &sim_openai, SIM_BODY_NONE, sim_openai_file_list },
	{ "GET", P("/v1/files/{}"), &sim_openai, SIM_BODY_NONE, sim_openai_file_get },
	{ "GET", P("/v1/files/{}/content"), &sim_openai, SIM_BODY_NONE, sim_openai_file_content },
	{ "DELETE", P("/v1/files/{}"), &sim_openai, SIM_BODY_NONE, sim_openai_file_delete },
	{ "POST", P("/v1/batches"), &sim_openai, SIM_BODY_JSON, sim_openai_batch_create },
	{ "GET", P("/v1/batches"), &sim_openai, SIM_BODY_NONE, sim_openai_batch_list },
	{ "GET", P("/v1/batches/{}"), &sim_openai, SIM_BODY_NONE, sim_openai_batch_get },
	GEMINI("/v1beta/models/{}"),
	GEMINI("/v1/models/{}"),
	GEMINI("/v1/projects/{}/locations/{}/publishers/google/models/{}"),
	GEMINI("/v1beta1/projects/{}/locations/{}/publishers/google/models/{}"),
	GEMINI("/v1/publishers/google/models/{}"),
	{ "GET", P("/v1beta/models"), &sim_gemini, SIM_BODY_NONE, sim_gemini_models },
	{ "GET", P("/v1beta/models/{}"), &sim_gemini, SIM_BODY_NONE, sim_gemini_model },
	{ "POST", P("/model/{}/converse"), &sim_bedrock, SIM_BODY_JSON, sim_bedrock_converse },
	{ "POST", P("/model/{}/converse-stream"), &sim_bedrock, SIM_BODY_JSON,
		sim_bedrock_converse },
	{ "POST", P("/model/{}/count-tokens"), &sim_bedrock, SIM_BODY_JSON, sim_bedrock_count },
	{ "POST", P("/model/{}/invoke"), &sim_bedrock, SIM_BODY_JSON, sim_bedrock_invoke },
	{ "POST", P("/v2/embed"), &sim_cohere, SIM_BODY_JSON, sim_cohere_embed },
	{ "POST", P("/v2/chat"), &sim_cohere, SIM_BODY_JSON, sim_cohere_chat },
	AZURE("/openai/deployments/{}", &sim_azure),
	AZURE("/openai/v1", &sim_azure_v1),
	{ "POST", P("/openai/v1/responses"), &sim_azure_v1, SIM_BODY_JSON, sim_openai_responses },
	HOST("/mistral/v1", &sim_mistral),
	HOST("/groq/openai/v1", &sim_groq),
	HOST("/deepseek/v1", &sim_deepseek),
	HOST("/xai/v1", &sim_xai),
	HOST("/together/v1", &sim_together),
	HOST("/openrouter/api/v1", &sim_openrouter),
	HOST("/perplexity", &sim_perplexity),
	{ "GET", P("/"), NULL, SIM_BODY_NONE, sim_control_root },
	{ "GET", P("/sim/ledger"), NULL, SIM_BODY_NONE, sim_control_ledger },
	{ "GET", P("/sim/requests"), NULL, SIM_BODY_NONE, sim_control_requests },
	{ "POST", P("/sim/reset"), NULL, SIM_BODY_NONE, sim_control_reset },
};

/* GET /v1/models of a client that speaks Anthropic (it sends anthropic-version). */
static const struct sim_route anthropic_models[] = {
	{ "GET", P("/v1/models"), &sim_anthropic, SIM_BODY_NONE, sim_anthropic_models },
	{ "GET", P("/v1/models/{}"), &sim_anthropic, SIM_BODY_NONE, sim_anthropic_model },
};

/* Unknown path, unknown method; in the dialect the caller seems to speak. */
static const struct sim_route fallback[3][2] = {
	{ { "", P(""), &sim_openai, SIM_BODY_NONE, sim_control_not_found },
		{ "", P(""), &sim_openai, SIM_BODY_NONE, sim_control_bad_method } },
	{ { "", P(""), &sim_anthropic, SIM_BODY_NONE, sim_control_not_found },
		{ "", P(""), &sim_anthropic, SIM_BODY_NONE, sim_control_bad_method } },
	{ { "", P(""), &sim_gemini, SIM_BODY_NONE, sim_control_not_found },
		{ "", P(""), &sim_gemini, SIM_BODY_NONE, sim_control_bad_method } },
};

/* A hole takes the rest of its segment, but for what follows it in the pattern (":verb"). */
static size_t hole_end(struct str pattern, struct str path)
{
	size_t seg = str_chr(path, '/'), n = seg != (size_t)-1 ? seg : path.n;

	if (pattern.n == 0 || *pattern.p != ':')
		return n;
	while (n > 0 && path.p[n - 1] != ':')
		n--;
	return n > 0 ? n - 1 : 0;
}

/* *arg: what the last "{}" matched. */
static bool path_matches(struct str pattern, struct str path, struct str *arg)
{
	size_t hole, end;

	while ((hole = str_find(pattern, STR("{}"))) != (size_t)-1) {
		if (!str_starts(path, str_mk(pattern.p, hole)))
			return false;
		pattern = str_skip(pattern, hole + 2);
		path = str_skip(path, hole);
		end = hole_end(pattern, path);
		if (end == 0)
			return false;
		*arg = str_mk(path.p, end);
		path = str_skip(path, end);
	}
	return str_eq(pattern, path);
}

static const struct sim_route *find_in(const struct sim_route *r, size_t n, struct str method,
	struct str path, struct str *arg, bool *known)
{
	for (size_t i = 0; i < n; i++) {
		if (!path_matches(r[i].path, path, arg))
			continue;
		*known = true;
		if (str_eq(method, str_z(r[i].method)))
			return &r[i];
	}
	return NULL;
}

static bool is_google(struct str path)
{
	return str_starts(path, STR("/v1beta")) || str_starts(path, STR("/v1/projects/"));
}

const struct sim_route *sim_route_find(const struct http_head *h, struct str path, struct str *arg)
{
	bool anthropic = http_get(h, HTTP_N_ANTHROPIC_VERSION).n != 0, known = false;
	struct str method = h->method == HTTP_M_HEAD ? STR("GET") : http_method_text(h);
	const struct sim_route *r = NULL;

	if (anthropic)
		r = find_in(anthropic_models, TG_ARRAY_LEN(anthropic_models), method, path, arg,
			&known);
	if (r == NULL)
		r = find_in(routes, TG_ARRAY_LEN(routes), method, path, arg, &known);
	return r != NULL ? r : &fallback[anthropic ? 1 : is_google(path) ? 2 : 0][known];
}
