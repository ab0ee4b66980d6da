/*
 * Why an answer of OpenAI's shape ends: X(ENUM_SUFFIX, "word"). The first row of a reason is the word that is written
 * for it; the others are those of copies.
 */
X(STOP, "stop")
X(STOP_SEQUENCE, "stop")
X(LENGTH, "length")
X(TOOL, "tool_calls")
X(FILTER, "content_filter")
X(PAUSE, "stop")
X(ERROR, "error")
X(STOP, "eos")
X(STOP, "end_turn")
X(LENGTH, "max_tokens")
X(LENGTH, "model_length")
X(TOOL, "function_call")
X(TOOL, "tool_use")
X(FILTER, "safety")
X(FILTER, "refusal")
X(FILTER, "sensitive")
