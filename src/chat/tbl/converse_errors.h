/*
 * Bedrock's errors: X(name, HTTP status); their names without "Exception", in any case. In a stream they come after a
 * head of 200 as exceptions of the same names. providers.md 13 (status map).
 */
X("AccessDenied", 403)
X("InternalServer", 500)
X("ModelError", 424)
X("ModelNotReady", 429)
X("ModelStreamError", 424)
X("ModelTimeout", 408)
X("ResourceNotFound", 404)
X("ServiceQuotaExceeded", 400)
X("ServiceUnavailable", 503)
X("Throttling", 429)
X("Validation", 400)
