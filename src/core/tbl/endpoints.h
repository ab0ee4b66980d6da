/*
 * Paths of the vendors' APIs: X(ENUM_SUFFIX, "path", methods, dialect, body, meter, "name in the ledger").
 * "*" at the end takes the rest of the path. OpenAI paths are matched without their /v1.
 * body: NONE, JSON (read whole, model found and rewritten), FORM (multipart, streamed), ANY (by Content-Type).
 */
X(CHAT, "/chat/completions", POST, OPENAI, JSON, OPENAI_CHAT, "chat")
X(RESPONSES, "/responses", POST, OPENAI, JSON, OPENAI_RESPONSES, "responses")
X(RESPONSES_COMPACT, "/responses/compact", POST, OPENAI, JSON, OPENAI_RESPONSES, "responses_compact")
X(RESPONSES_INPUT, "/responses/input_tokens", POST, OPENAI, JSON, NONE, "responses_input")
X(RESPONSES_ITEM, "/responses/*", ANY, OPENAI, PLAIN, NONE, "responses_item")
X(COMPLETIONS, "/completions", POST, OPENAI, JSON, OPENAI_COMPLETIONS, "completions")
X(EMBEDDINGS, "/embeddings", POST, OPENAI, JSON, OPENAI_EMBEDDINGS, "embeddings")
X(IMAGES_GEN, "/images/generations", POST, OPENAI, JSON, OPENAI_IMAGES, "images_gen")
X(IMAGES, "/images/*", POST, OPENAI, ANY, OPENAI_IMAGES, "images")
X(SPEECH, "/audio/speech", POST, OPENAI, JSON, OPENAI_AUDIO, "speech")
X(AUDIO, "/audio/*", POST, OPENAI, ANY, OPENAI_AUDIO, "audio")
X(VIDEOS, "/videos", ANY, OPENAI, ANY, NONE, "videos")
X(VIDEOS_ITEM, "/videos/*", ANY, OPENAI, PLAIN, NONE, "videos_item")
X(MODERATIONS, "/moderations", POST, OPENAI, JSON, OPENAI_MODERATION, "moderations")
X(MODELS, "/models", GET, OPENAI, NONE, NONE, "models")
X(MODELS_ITEM, "/models/*", GET, OPENAI, NONE, NONE, "models_item")
X(FILES, "/files", ANY, OPENAI, PLAIN, NONE, "files")
X(FILES_ITEM, "/files/*", ANY, OPENAI, PLAIN, NONE, "files_item")
X(UPLOADS, "/uploads", ANY, OPENAI, PLAIN, NONE, "uploads")
X(UPLOADS_ITEM, "/uploads/*", ANY, OPENAI, PLAIN, NONE, "uploads_item")
X(BATCHES, "/batches", ANY, OPENAI, PLAIN, NONE, "batches")
X(BATCHES_ITEM, "/batches/*", ANY, OPENAI, PLAIN, NONE, "batches_item")
X(MESSAGES, "/messages", POST, ANTHROPIC, JSON, ANTHROPIC_MESSAGES, "messages")
X(MESSAGES_COUNT, "/messages/count_tokens", POST, ANTHROPIC, JSON, ANTHROPIC_COUNT, "messages_count")
