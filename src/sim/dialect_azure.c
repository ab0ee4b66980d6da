/*
 * dialect_azure.c: OpenAI's models at Azure: by deployment under /openai/deployments/NAME, where
 * the path names the model and the query the version, and under /openai/v1. What is served is
 * OpenAI's; fields, errors and the first chunk of a stream are Azure's.
 */
#include "proto/url.h"
#include "sim/dialect.h"

static void azure_put_headers(struct sim_req *r, struct sim_buf *o)
{
	bool responses = r->route->serve == sim_openai_responses;

	/* Of Responses it does not know what is left. */
	sim_buf_fmt(o,
		"x-ratelimit-limit-requests: %s\r\nx-ratelimit-limit-tokens: %s\r\n"
		"x-ratelimit-remaining-requests: %s\r\nx-ratelimit-remaining-tokens: %s\r\n",
		responses ? "0" : "1000", responses ? "0" : "100000", responses ? "-1" : "999",
		responses ? "-1" : "99950");
	sim_buf_lit(o, "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
		       "x-content-type-options: nosniff\r\nx-ms-region: Sweden Central\r\n"
		       "x-ms-deployment-name: ");
	sim_buf_add(o, r->model.n != 0 ? r->model : STR("none"));
	sim_buf_lit(o, "\r\napim-request-id: ");
	sim_buf_hex16(o, r->id);
	sim_buf_lit(o, "\r\n");
}

/* Its gateway's own errors are a code and a message. */
static void azure_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param)
{
	const char *code = e == SIM_E_MODEL ? "DeploymentNotFound" : NULL;

	if (e == SIM_E_BAD_REQUEST || e == SIM_E_INTERNAL) {
		sim_openai_put_error(r, b, status, e, message, param);
		return;
	}
	sim_buf_lit(b, "{\"error\":{\"code\":\"");
	if (code != NULL)
		sim_buf_fmt(b, "%s", code);
	else
		sim_buf_fmt(b, "%d", status);
	sim_buf_lit(b, "\",\"message\":");
	sim_buf_quote(b, e == SIM_E_UNAUTHORIZED
				 ? STR("Access denied due to invalid subscription key or wrong API "
				       "endpoint.")
				 : message);
	sim_buf_lit(b, "}}\n");
}

/* The key has a field of its own; tokens are bearers'. */
static int check_key(struct sim_req *r)
{
	if (r->conf->n_keys == 0 || http_get(&r->head, HTTP_N_API_KEY).n != 0 ||
		http_get(&r->head, HTTP_N_AUTHORIZATION).n != 0)
		return 0;
	sim_answer_error(r, 401, SIM_E_UNAUTHORIZED, STR("no api-key"), STR_NONE);
	return -1;
}

static int azure_check(struct sim_req *r)
{
	if (url_query_get(r->query, STR("api-version")).n == 0) {
		sim_answer_error(r, 404, SIM_E_NOT_FOUND, STR("Resource not found"), STR_NONE);
		return -1;
	}
	return check_key(r);
}

static int azure_v1_check(struct sim_req *r)
{
	struct str version = url_query_get(r->query, STR("api-version"));

	if (version.n != 0 && !str_eq(version, STR("v1")) && !str_eq(version, STR("preview"))) {
		sim_answer_error(r, 400, SIM_E_OTHER, STR("API version not supported"), STR_NONE);
		return -1;
	}
	return check_key(r);
}

const struct sim_dialect sim_azure = {
	.name = { "azure", 5 },
	.model_in_path = true,
	.chat = { .filter_chunk = true },
	.check = azure_check,
	.put_headers = azure_put_headers,
	.put_error = azure_put_error,
	.put_stream_error = sim_openai_put_stream_error,
};

const struct sim_dialect sim_azure_v1 = {
	.name = { "azure", 5 },
	.chat = { .filter_chunk = true },
	.check = azure_v1_check,
	.put_headers = azure_put_headers,
	.put_error = azure_put_error,
	.put_stream_error = sim_openai_put_stream_error,
};
