/*
 * Paths of the vendors' APIs: X(ENUM_SUFFIX, "path", methods, dialect, body, meter).
 * "*" at the end takes the rest of the path. OpenAI paths are matched without their /v1.
 * body: NONE, JSON (read whole, model found and rewritten), FORM (multipart, streamed), ANY (by Content-Type).
 */
X(CHAT, "/chat/completions", POST, OPENAI, JSON, OPENAI_CHAT)
X(RESPONSES, "/responses", POST, OPENAI, JSON, OPENAI_RESPONSES)
X(RESPONSES_COMPACT, "/responses/compact", POST, OPENAI, JSON, OPENAI_RESPONSES)
X(RESPONSES_INPUT, "/responses/input_tokens", POST, OPENAI, JSON, NONE)
X(RESPONSES_ITEM, "/responses/*", ANY, OPENAI, PLAIN, NONE)
X(COMPLETIONS, "/completions", POST, OPENAI, JSON, OPENAI_COMPLETIONS)
X(EMBEDDINGS, "/embeddings", POST, OPENAI, JSON, OPENAI_EMBEDDINGS)
X(IMAGES_GEN, "/images/generations", POST, OPENAI, JSON, OPENAI_IMAGES)
X(IMAGES, "/images/*", POST, OPENAI, ANY, OPENAI_IMAGES)
X(SPEECH, "/audio/speech", POST, OPENAI, JSON, OPENAI_AUDIO)
X(AUDIO, "/audio/*", POST, OPENAI, ANY, OPENAI_AUDIO)
X(VIDEOS, "/videos", ANY, OPENAI, ANY, NONE)
X(VIDEOS_ITEM, "/videos/*", ANY, OPENAI, PLAIN, NONE)
X(MODERATIONS, "/moderations", POST, OPENAI, JSON, OPENAI_MODERATION)
X(MODELS, "/models", GET, OPENAI, NONE, NONE)
X(MODELS_ITEM, "/models/*", GET, OPENAI, NONE, NONE)
X(FILES, "/files", ANY, OPENAI, PLAIN, NONE)
X(FILES_ITEM, "/files/*", ANY, OPENAI, PLAIN, NONE)
X(UPLOADS, "/uploads", ANY, OPENAI, PLAIN, NONE)
X(UPLOADS_ITEM, "/uploads/*", ANY, OPENAI, PLAIN, NONE)
X(BATCHES, "/batches", ANY, OPENAI, PLAIN, NONE)
X(BATCHES_ITEM, "/batches/*", ANY, OPENAI, PLAIN, NONE)
X(MESSAGES, "/messages", POST, ANTHROPIC, JSON, ANTHROPIC_MESSAGES)
X(MESSAGES_COUNT, "/messages/count_tokens", POST, ANTHROPIC, JSON, ANTHROPIC_COUNT)
