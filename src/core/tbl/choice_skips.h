/*
 * What speaks against a candidate: X(ENUM_SUFFIX, "word", kind, "what it means"). FINAL: it is not asked. BETTER: only when all
 * others have such a reason too. LIFTED: likewise, and first (panic: one that may be down is better than none).
 */
X(TRIED, "tried", FINAL, "this request was sent there already")
X(DIALECT, "dialect", FINAL, "it does not speak the API of the path")
X(OTHER, "other_target", FINAL, "the path names another target")
X(REGION, "region", FINAL, "it is outside the regions of the tenant")
X(DRAINED, "drained", FINAL, "its operator has drained it")
X(CAPACITY, "capacity", FINAL, "it has all that its `limits` allow")
X(CAPABILITY, "capability", FINAL, "its model cannot do what the request needs")
X(LIMITS, "limits", FINAL, "the request is certainly more than its model takes or gives")
X(DEAR, "max_cost", BETTER, "the request could cost more there than it may")
X(CONTEXT, "context", BETTER, "the prompt is longer than the model's context")
X(OUTPUT, "max_output", BETTER, "the request asks for a longer answer than the model gives")
X(REASONING, "reasoning", BETTER, "reasoning is asked for, and its model has none")
X(UNPRICED, "unpriced", BETTER, "no price is known, and such models are not served")
X(CIRCUIT, "circuit", LIFTED, "requests have failed there lately")
X(EJECTED, "ejected", LIFTED, "it fails far more often than the others")
X(RATE, "rate", LIFTED, "the provider has told to wait")
X(CREDENTIALS, "credentials", LIFTED, "the provider refuses the account")
X(CHECK, "health_check", LIFTED, "its `health_check` fails")
