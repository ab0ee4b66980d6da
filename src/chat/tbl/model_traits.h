/*
 * Families of models: X(part of the name, THINKING, traits, EFFORT_MOST, default_max_tokens, most_tokens, budget_least).
 * The first whose part is found in the name counts, so the special stands before the general. Dots in names are read as
 * dashes. Sources: providers.md 10.1; the vendors' pages on models and migration as of 2026-11.
 */
#define NEW_CLAUDE (TRAIT_NO_SAMPLING | TRAIT_NO_PREFILL | TRAIT_EFFORT)
#define OLD_CLAUDE (TRAIT_NO_SCHEMA)
/* Anthropic */
X("claude-fable-5-1", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_ALWAYS | TRAIT_NO_FORCED_TOOL, MAX, 32000, 128000, 0)
X("claude-fable-5", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_ALWAYS, MAX, 32000, 128000, 0)
X("claude-mythos", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_ALWAYS, MAX, 32000, 128000, 0)
X("claude-opus-5-5", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_ALWAYS | TRAIT_NO_FORCED_TOOL, MAX, 32000, 128000, 0)
X("claude-sonnet-5-5", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_ALWAYS | TRAIT_NO_FORCED_TOOL, MAX, 32000, 128000, 0)
X("claude-haiku-5-5", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_ALWAYS | TRAIT_NO_FORCED_TOOL, MAX, 32000, 64000, 0)
X("claude-opus-5", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_UNASKED, MAX, 32000, 128000, 0)
X("claude-sonnet-5", ADAPTIVE, NEW_CLAUDE | TRAIT_THINKS_UNASKED, MAX, 32000, 128000, 0)
X("claude-opus-4-8", ADAPTIVE, NEW_CLAUDE, MAX, 32000, 128000, 0)
X("claude-opus-4-7", ADAPTIVE, NEW_CLAUDE, MAX, 32000, 128000, 0)
X("claude-opus-4-6", ADAPTIVE, TRAIT_ONE_SAMPLER | TRAIT_NO_PREFILL | TRAIT_EFFORT | TRAIT_NO_XHIGH, MAX, 32000, 128000, 1024)
X("claude-sonnet-4-6", ADAPTIVE, TRAIT_ONE_SAMPLER | TRAIT_EFFORT | TRAIT_NO_XHIGH, MAX, 32000, 64000, 1024)
X("claude-opus-4-5", BUDGET, TRAIT_ONE_SAMPLER, UNSET, 32000, 64000, 1024)
X("claude-sonnet-4-5", BUDGET, TRAIT_ONE_SAMPLER, UNSET, 32000, 64000, 1024)
X("claude-haiku-4-5", BUDGET, TRAIT_ONE_SAMPLER, UNSET, 32000, 64000, 1024)
X("claude-opus-4-1", BUDGET, TRAIT_ONE_SAMPLER, UNSET, 16000, 32000, 1024)
X("claude-opus-4", BUDGET, OLD_CLAUDE, UNSET, 16000, 32000, 1024)
X("claude-4-opus", BUDGET, OLD_CLAUDE, UNSET, 16000, 32000, 1024)
X("claude-sonnet-4", BUDGET, OLD_CLAUDE, UNSET, 32000, 64000, 1024)
X("claude-4-sonnet", BUDGET, OLD_CLAUDE, UNSET, 32000, 64000, 1024)
X("claude-3-7", BUDGET, OLD_CLAUDE, UNSET, 32000, 64000, 1024)
X("claude-3-5", NONE, OLD_CLAUDE, UNSET, 8192, 8192, 0)
X("claude-3", NONE, OLD_CLAUDE, UNSET, 4096, 4096, 0)
X("claude-2", NONE, OLD_CLAUDE, UNSET, 4096, 4096, 0)
X("claude-instant", NONE, OLD_CLAUDE, UNSET, 4096, 4096, 0)
/* One that came after this table: as the newest, which take the least */
X("claude", ADAPTIVE, NEW_CLAUDE, MAX, 32000, 0, 0)
/* Google: 2.5 takes a budget (Pro cannot do without), 3 takes a level */
X("gemini-2-5-pro", BUDGET, TRAIT_THINKS_ALWAYS, UNSET, 8192, 65536, 128)
X("gemini-2-5-flash-lite", BUDGET, 0, UNSET, 8192, 65536, 512)
X("gemini-2-5", BUDGET, TRAIT_THINKS_UNASKED, UNSET, 8192, 65536, 1)
X("gemini-3", LEVEL, TRAIT_THINKS_ALWAYS, HIGH, 8192, 65536, 0)
X("gemini", NONE, 0, UNSET, 8192, 8192, 0)
/* OpenAI: reasoning models take neither samplers nor max_tokens by its old name */
X("gpt-5-chat", NONE, 0, UNSET, 16384, 16384, 0)
X("gpt-5", LEVEL, TRAIT_THINKS_UNASKED | TRAIT_NO_SAMPLING, XHIGH, 32000, 128000, 0)
X("codex", LEVEL, TRAIT_THINKS_UNASKED | TRAIT_NO_SAMPLING, HIGH, 32000, 100000, 0)
X("o4-mini", LEVEL, TRAIT_THINKS_ALWAYS | TRAIT_NO_SAMPLING, HIGH, 32000, 100000, 0)
X("o3", LEVEL, TRAIT_THINKS_ALWAYS | TRAIT_NO_SAMPLING, HIGH, 32000, 100000, 0)
X("o1", LEVEL, TRAIT_THINKS_ALWAYS | TRAIT_NO_SAMPLING, HIGH, 32000, 100000, 0)
X("gpt-oss", LEVEL, TRAIT_THINKS_ALWAYS, HIGH, 16384, 0, 0)
/* Anything else: nothing special */
X("", LEVEL, 0, MAX, 4096, 0, 0)
#undef NEW_CLAUDE
#undef OLD_CLAUDE
