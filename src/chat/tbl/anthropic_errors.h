/*
 * Types of Anthropic's errors: X(type, status), the most telling of a status first: a status without a row is that of
 * the next below whose hundreds are the same (providers.md 5.1).
 */
X("invalid_request_error", 400)
X("authentication_error", 401)
X("billing_error", 402)
X("permission_error", 403)
X("not_found_error", 404)
X("conflict_error", 409)
X("request_too_large", 413)
X("rate_limit_error", 429)
X("api_error", 500)
X("timeout_error", 504)
X("overloaded_error", 529)
