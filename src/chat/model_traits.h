/*
 * model_traits.h: what a family of models needs that no API says, by the model's name: a table
 * (tbl/model_traits.h), so that a new family is a line of data. Names are taken as every host
 * writes them: "claude-opus-4-6", "us.anthropic.claude-opus-4-6-v1:0", "anthropic/claude-opus-4.6",
 * "claude-opus-4-6@20260205". Pure; any thread.
 */
#ifndef TG_CHAT_MODEL_TRAITS_H
#define TG_CHAT_MODEL_TRAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "chat/chat.h"

enum model_thinking {
	THINKING_NONE,     /* does not reason */
	THINKING_BUDGET,   /* by a number of tokens (Anthropic's budget_tokens, Gemini's
			      thinkingBudget) */
	THINKING_ADAPTIVE, /* Anthropic's adaptive thinking: depth by effort; a budget is refused */
	THINKING_LEVEL,    /* by a word (OpenAI's effort, Gemini's thinkingLevel) */
};

enum model_trait {
	TRAIT_THINKS_UNASKED = 1 << 0, /* unless it is switched off */
	TRAIT_THINKS_ALWAYS = 1 << 1,  /* cannot be switched off */
	TRAIT_NO_SAMPLING = 1 << 2,    /* temperature, top_p, top_k: nothing but their defaults */
	TRAIT_ONE_SAMPLER = 1 << 3,    /* temperature or top_p, not both */
	TRAIT_NO_PREFILL = 1 << 4,     /* the last turn must be the user's */
	TRAIT_NO_FORCED_TOOL = 1 << 5, /* a tool cannot be demanded */
	TRAIT_NO_SCHEMA = 1 << 6,      /* answers cannot be held to a JSON schema */
	TRAIT_EFFORT = 1 << 7,         /* takes Anthropic's output_config.effort */
	TRAIT_NO_XHIGH = 1 << 8,       /* efforts up to "max", but no "xhigh" */
};

struct model_traits {
	const char *family;
	enum model_thinking thinking;
	unsigned traits;              /* enum model_trait */
	enum chat_effort effort_most; /* the strongest it knows; EFFORT_UNSET: takes none */
	uint64_t default_max_tokens;  /* when an API requires a limit and nobody named one */
	uint64_t most_tokens;         /* of one answer; 0: not known */
	uint64_t budget_least;        /* tokens; 0: no minimum */
};

/* Never NULL: a model of no known family has a row of its own, which asks for nothing special, and
 * a Claude that is newer than the table one that is taken for the newest. model is a jstr or plain.
 */
const struct model_traits *model_traits_find(struct str model);

static inline bool model_has(const struct model_traits *t, enum model_trait trait)
{
	return (t->traits & trait) != 0;
}

/* Tokens of reasoning for a word, at hosts that take a number. */
uint64_t model_effort_budget(enum chat_effort e);
/* The word for a number of tokens, at hosts that take a word. */
enum chat_effort model_budget_effort(int64_t tokens);

#endif
