/*
 * Shapes of text generation: X(ENUM_SUFFIX, codec, HAVE). A codec that is no client's dialect (Converse, Cohere) has no
 * read_request; one that is no provider's has no write_request. HAVE is 1 when the codec's files are in local.mk: who
 * adds them turns the 0 of its row into 1, and chat_codecs[] has it.
 */
X(OPENAI, chat_codec_openai, 1)
X(RESPONSES, chat_codec_responses, 1)
X(ANTHROPIC, chat_codec_anthropic, 1)
X(GEMINI, chat_codec_gemini, 1)
X(CONVERSE, chat_codec_converse, 1)
X(COHERE, chat_codec_cohere, 1)
