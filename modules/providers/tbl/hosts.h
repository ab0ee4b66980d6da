/*
 * Hosts that speak OpenAI's API: X(NAME, "where they are for everybody" or NULL, what they have, what they do otherwise,
 * the member by which a chat's limit is told). Names are those of the price book. What a host has not is translated
 * where it can be (Responses to its chat), and goes to other targets otherwise.
 *
 * HAS(...) names endpoints of core/tbl/endpoints.h. The rest, with where it is known from (reference of providers):
 *	BILLS_CANCELLED    a stream that is cancelled is billed to its end all the same (section 4)
 *	NO_INCLUDE_USAGE   tells the usage of streams unasked; stream_options is refused (section 3)
 *	UNVERSIONED        its paths have no /v1 (section 2)
 *	THOUGHTS_BACK      takes reasoning_content in requests (section 10.1): DeepSeek refuses a
 *	                   turn that called tools without it; others think on where they had stopped, or pass it over
 */
X(mistral, "https://api.mistral.ai/v1", HAS(CHAT) | HAS(EMBEDDINGS) | HAS(SPEECH) | HAS(AUDIO) | HAS(MODERATIONS) | HAS_FILES,
	BILLS_CANCELLED | NO_INCLUDE_USAGE, MAX_TOKENS)
X(groq, "https://api.groq.com/openai/v1", HAS(CHAT) | HAS_RESPONSES | HAS(EMBEDDINGS) | HAS(SPEECH) | HAS(AUDIO) | HAS_FILES,
	BILLS_CANCELLED, COMPLETION)
X(deepseek, "https://api.deepseek.com", HAS(CHAT), THOUGHTS_BACK, MAX_TOKENS)
X(xai, "https://api.x.ai/v1", HAS(CHAT) | HAS_RESPONSES | HAS(EMBEDDINGS) | HAS(IMAGES_GEN) | HAS_VIDEOS, 0, COMPLETION)
X(together, "https://api.together.ai/v1",
	HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS) | HAS(IMAGES_GEN) | HAS(SPEECH) | HAS(AUDIO) | HAS_VIDEOS | HAS_FILES, 0,
	MAX_TOKENS)
X(fireworks, "https://api.fireworks.ai/inference/v1", HAS(CHAT) | HAS(COMPLETIONS) | HAS_RESPONSES | HAS(EMBEDDINGS),
	THOUGHTS_BACK, MAX_TOKENS)
X(openrouter, "https://openrouter.ai/api/v1",
	HAS(CHAT) | HAS(COMPLETIONS) | HAS_RESPONSES | HAS(EMBEDDINGS) | HAS(SPEECH) | HAS(AUDIO) | HAS_VIDEOS, 0, MAX_TOKENS)
X(perplexity, "https://api.perplexity.ai", HAS(CHAT), BILLS_CANCELLED | UNVERSIONED, MAX_TOKENS)
X(cerebras, "https://api.cerebras.ai/v1", HAS(CHAT) | HAS(COMPLETIONS), 0, COMPLETION)
X(deepinfra, "https://api.deepinfra.com/v1/openai", HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS), UNVERSIONED, MAX_TOKENS)
X(novita, NULL, HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS), UNVERSIONED, MAX_TOKENS)
X(nebius, NULL, HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS), BILLS_CANCELLED, MAX_TOKENS)
X(sambanova, "https://api.sambanova.ai/v1", HAS(CHAT) | HAS(EMBEDDINGS), BILLS_CANCELLED, MAX_TOKENS)
X(huggingface, "https://router.huggingface.co/v1", HAS(CHAT), BILLS_CANCELLED, MAX_TOKENS)
X(alibaba, "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS),
	BILLS_CANCELLED, MAX_TOKENS)
X(minimax, "https://api.minimax.io/v1", HAS(CHAT), BILLS_CANCELLED, MAX_TOKENS)
X(ollama, "http://127.0.0.1:11434", HAS(CHAT) | HAS(COMPLETIONS) | HAS(RESPONSES) | HAS(EMBEDDINGS), 0, MAX_TOKENS)
X(vllm, "http://127.0.0.1:8000", HAS(CHAT) | HAS(COMPLETIONS) | HAS_RESPONSES | HAS(EMBEDDINGS) | HAS(AUDIO),
	THOUGHTS_BACK, MAX_TOKENS)
X(sglang, "http://127.0.0.1:30000", HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS), THOUGHTS_BACK, MAX_TOKENS)
X(llamacpp, "http://127.0.0.1:8080", HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS), THOUGHTS_BACK, MAX_TOKENS)
X(compatible, NULL, HAS(CHAT) | HAS(COMPLETIONS) | HAS(EMBEDDINGS), 0, AUTO)
