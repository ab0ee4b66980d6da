/*
 * What providers call errors that are about more than this one try (providers.md sections 5.1, 5.3): X("word", CLASS), the `code`,
 * `type` or `status` of an error. Texts, where there is no word: T("part of the message", CLASS).
 */
X("insufficient_quota", MONEY)
X("credit_balance_exhausted", MONEY)
X("organization_spend_limit_exceeded", MONEY)
X("project_spend_limit_exceeded", MONEY)
X("organization_usage_limit_exceeded", MONEY)
X("enforced_spend_limit_reached", MONEY)
X("billing_error", MONEY)
X("context_length_exceeded", CONTEXT)
X("request_too_large", CONTEXT)
X("content_filter", POLICY)
X("content_policy_violation", POLICY)
X("moderation_blocked", POLICY)
X("ResponsibleAIPolicyViolation", POLICY)
#ifdef T
T("credit balance is too low", MONEY)
T("prompt is too long", CONTEXT)
T("exceed context limit", CONTEXT)
T("maximum context length", CONTEXT)
T("input token count", CONTEXT)
#endif
