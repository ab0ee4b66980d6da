/* Shapes of text generation: X(ENUM_SUFFIX, codec). A codec that is no client's dialect (Converse, Cohere) has no
 * read_request; one that is no provider's has no write_request. */
X(OPENAI, chat_codec_openai)
X(RESPONSES, chat_codec_responses)
X(ANTHROPIC, chat_codec_anthropic)
X(GEMINI, chat_codec_gemini)
X(CONVERSE, chat_codec_converse)
X(COHERE, chat_codec_cohere)
