/*
 * What a model can do beyond text, as far as somebody says so: X(ENUM_SUFFIX, "word", "member of LiteLLM's map", "what a
 * request has that needs it"). The word is that of price files and of `capabilities` in tollgate.yaml. A row more is a
 * capability more everywhere, but for what needs it: core/capability.c.
 */
X(VISION, "vision", "supports_vision", "images")
X(TOOLS, "tools", "supports_function_calling", "tools")
X(JSON_SCHEMA, "json_schema", "supports_response_schema", "a JSON schema for the answer")
X(DOCUMENTS, "documents", "supports_pdf_input", "documents")
X(AUDIO, "audio", "supports_audio_input", "sound")
X(REASONING, "reasoning", "supports_reasoning", "reasoning that is asked for")
