/* Header fields of our own towards applications: X(ENUM_SUFFIX, "name", direction, "help"). */
X(REQUEST_ID, "x-tollgate-request-id", response, "Id of this request in logs, errors and reports.")
X(TARGET, "x-tollgate-target", response, "The target (provider account) that answered.")
X(MODEL, "x-tollgate-model", response, "The model the provider says it served.")
X(COST, "x-tollgate-cost-usd", response,
	"Exact cost in USD, or `unknown` when the model has no price. Streams: SSE comment and trailer.")
X(COST_QUALITY, "x-tollgate-cost-quality", response,
	"Where the cost is not exact: `estimated`, `partial` or `indeterminate`; or `unpriced`: a stated price stands in.")
X(USAGE, "x-tollgate-usage", response, "Usage by bucket as JSON. Streams: SSE comment and trailer.")
X(ATTEMPTS, "x-tollgate-attempts", response, "How many providers were asked.")
X(ROUTE, "x-tollgate-route", both, "In a request: by which route its target is chosen. In an answer, when `x-tollgate-explain: 1` asks for it: why this target.")
X(EXPLAIN, "x-tollgate-explain", request, "`1`: say in `x-tollgate-route` why the target was chosen.")
X(SERVER_TIMING, "server-timing", response, "`tollgate;dur=`: milliseconds the gateway itself added.")
X(DENIED_BY, "x-tollgate-denied-by", response,
	"The limit that refused the request; of one above the tenant only its kind and dimension.")
X(UNAVAILABLE, "x-tollgate-unavailable", response,
	"With 503 `quota_unavailable`: why nobody can say what is left of a limit: `redis_away`, `learning`, ..")
X(RESET, "x-tollgate-reset", response, "When a refused request would fit at the earliest. Absent: never, or no matter of time.")
X(AFFORDABLE, "x-tollgate-max-affordable-tokens", response,
	"Output tokens that would have fitted into what refused the request: a limit on money or tokens, or a ceiling.")
X(DROPPED, "x-tollgate-dropped", response,
	"Members of the request that were left out because the API of the target cannot say them (`on_unsupported: drop`).")
X(DEGRADED, "x-tollgate-degraded", response,
	"By which model a guardrail has the request served instead, and what has come to which threshold: `gpt-4o-mini: budget research 90%`.")
X(CLAMPED, "x-tollgate-max-tokens-clamped", response,
	"The limit on output tokens that the request was sent with, where it had asked for more or had set none.")
X(COUNT_QUALITY, "x-tollgate-count-quality", response,
	"`estimated`: the target's API does not count tokens; the number is made of the bytes, by what its answers have cost so far.")
X(RETRY_AFTER, "retry-after", response, "Seconds after which a refused request is worth trying again.")
X(RATELIMIT, "ratelimit", response, "What is left of the tightest limit on requests and on tokens.")
X(RATELIMIT_POLICY, "ratelimit-policy", response, "What these limits are.")
X(SHOULD_RETRY, "x-should-retry", response, "`false` where an SDK's retry cannot help.")
X(TAGS, "x-tollgate-tags", request, "Tags for attribution: `team=a,feature=b`.")
X(SESSION, "x-tollgate-session", request, "Session id, for attribution and [limits of each session](../guide/limits.md#sessions-and-end-users).")
X(MAX_COST, "x-tollgate-max-cost", request, "What this request may cost at most, in USD: `0.05`.")
X(END_USER, "x-tollgate-end-user", request, "End user id, for attribution and [limits of each end user](../guide/limits.md#sessions-and-end-users).")
