/*
 * Every error the gateway itself answers with:
 * X(ENUM_SUFFIX, "code", status, "OpenAI type", "Anthropic type", "default message").
 * `code` is the OpenAI code, the problem+json type's last part, and the access log's `error`.
 */
X(INVALID_API_KEY, "invalid_api_key", 401, "invalid_request_error", "authentication_error",
	"No valid API key was given. Send a tollgate key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.")
X(MODEL_NOT_ALLOWED, "model_not_allowed", 403, "invalid_request_error", "permission_error",
	"This key may not use that model.")
X(REGION_NOT_ALLOWED, "region_not_allowed", 403, "invalid_request_error", "permission_error",
	"No target that may serve this request is in an allowed region.")
X(COUNTRY_NOT_ALLOWED, "country_not_allowed", 403, "invalid_request_error", "permission_error",
	"Requests from there are not served.")
X(MODEL_NOT_FOUND, "model_not_found", 404, "invalid_request_error", "not_found_error",
	"No such model is configured. GET /v1/models lists what this key can use.")
X(NOT_FOUND, "not_found", 404, "invalid_request_error", "not_found_error",
	"No such path here. See the list of paths in the gateway's reference.")
X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "invalid_request_error", "invalid_request_error",
	"This path does not take that method.")
X(MISSING_MODEL, "missing_model", 400, "invalid_request_error", "invalid_request_error",
	"The request names no model: add a string member 'model'.")
X(INVALID_JSON, "invalid_json", 400, "invalid_request_error", "invalid_request_error",
	"The body is not one JSON object.")
X(INVALID_MULTIPART, "invalid_multipart", 400, "invalid_request_error", "invalid_request_error",
	"The body is not well-formed multipart/form-data.")
X(INVALID_TAGS, "invalid_tags", 400, "invalid_request_error", "invalid_request_error",
	"x-tollgate-tags is not a list of name=value.")
X(UNSUPPORTED_DIALECT, "unsupported_dialect", 400, "invalid_request_error", "invalid_request_error",
	"No target of this model speaks the API of this path.")
X(UNSUPPORTED_BY_TARGET, "unsupported_by_target", 400, "invalid_request_error", "invalid_request_error",
	"The request asks for something that no target of this model can do.")
X(CONTEXT_LENGTH, "context_length_exceeded", 400, "invalid_request_error", "invalid_request_error",
	"The prompt is longer than the context of every target of this model.")
X(MAX_OUTPUT, "invalid_value", 400, "invalid_request_error", "invalid_request_error",
	"The request allows more output tokens than any target of this model gives.")
X(UNSUPPORTED_ENCODING, "unsupported_encoding", 415, "invalid_request_error", "invalid_request_error",
	"The request body has a Content-Encoding; send it uncompressed.")
X(REQUEST_TOO_LARGE, "request_too_large", 413, "invalid_request_error", "request_too_large",
	"The request body is larger than this gateway takes.")
X(REQUEST_TIMEOUT, "request_timeout", 408, "invalid_request_error", "timeout_error",
	"The request did not arrive in time.")
X(BAD_REQUEST, "bad_request", 400, "invalid_request_error", "invalid_request_error",
	"The request is not well-formed HTTP.")
X(UPSTREAM_ERROR, "upstream_error", 502, "server_error", "api_error",
	"The provider could not be reached or broke off.")
X(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "server_error", "timeout_error",
	"The provider did not answer in time.")
X(OVERLOADED, "overloaded", 503, "server_error", "overloaded_error",
	"The gateway is at its limit. Try again shortly.")
X(DRAINING, "draining", 503, "server_error", "overloaded_error",
	"The gateway is shutting down. Try again: another instance will answer.")
X(UNPRICED_MODEL, "unpriced_model", 400, "invalid_request_error", "invalid_request_error",
	"No price is known for that model here, so it is not served.")
X(COST_CEILING, "cost_ceiling", 402, "invalid_request_error", "invalid_request_error",
	"This request may cost more than a single request may. A smaller max_tokens costs less.")
X(INVALID_ROUTE, "invalid_route", 400, "invalid_request_error", "invalid_request_error",
	"x-tollgate-route names no route of this gateway.")
X(NO_TARGET, "no_target", 503, "server_error", "api_error",
	"None of the targets that may serve this request is in service now.")
X(INVALID_MAX_COST, "invalid_max_cost", 400, "invalid_request_error", "invalid_request_error",
	"x-tollgate-max-cost is not an amount in USD, such as 0.05.")
X(INSUFFICIENT_QUOTA, "insufficient_quota", 429, "insufficient_quota", "billing_error",
	"A limit of this key, its tenant, or above is used up. x-tollgate-denied-by names it.")
X(RATE_REQUESTS, "rate_limit_exceeded", 429, "requests", "rate_limit_error",
	"Too many requests. Try again after the time in Retry-After.")
X(RATE_TOKENS, "rate_limit_exceeded", 429, "tokens", "rate_limit_error",
	"Too many tokens. Try again after the time in Retry-After.")
X(TOO_MANY_CONNECTIONS, "too_many_connections", 429, "requests", "rate_limit_error",
	"Too many requests of this address are at work already. Try again when some of them are done.")
X(QUOTA_UNAVAILABLE, "quota_unavailable", 503, "server_error", "api_error",
	"What is left of a limit is not known now, and nothing is sent that could exceed it. Try again shortly.")
X(LEDGER_UNAVAILABLE, "ledger_unavailable", 503, "server_error", "api_error",
	"The gateway cannot write its ledger now, and sends nothing that it could not account for. Try again shortly.")
X(INTERNAL, "internal_error", 500, "server_error", "api_error",
	"The gateway failed. The request id helps its operator to find out why.")
