/*
 * meter_api.h: whose rules a response's usage is read by. The readers are in modules/providers.
 */
#ifndef TG_CORE_METER_API_H
#define TG_CORE_METER_API_H

enum meter_api {
	METER_NONE,
	METER_OPENAI_CHAT,
	METER_OPENAI_COMPLETIONS,
	METER_OPENAI_RESPONSES,
	METER_OPENAI_EMBEDDINGS,
	METER_OPENAI_IMAGES,
	METER_OPENAI_AUDIO,
	METER_OPENAI_MODERATION,
	METER_ANTHROPIC_MESSAGES,
	METER_ANTHROPIC_COUNT,
	METER_GEMINI,       /* generateContent, and streamed */
	METER_GEMINI_EMBED, /* embedContent, batchEmbedContents */
	METER_GEMINI_COUNT, /* countTokens: costs nothing */
	METER_BEDROCK,      /* Converse, and streamed */
	METER_COHERE,       /* v2 chat */
	METER_EMBED_UNITS,  /* embeddings of Cohere, and of Bedrock's models */
};

#endif
