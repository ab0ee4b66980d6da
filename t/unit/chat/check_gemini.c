/*
 * check_gemini.c: generateContent, read and written: requests (providers.md 10.1), answers and
 * finish reasons (10.2), errors (5.1). Streams: check_gemini_stream.c; usage: check_usage_gemini.c.
 */
#include "chat/gemini_int.h"
#include "chat_unit.h"

#define GE  (&chat_codec_gemini)
#define AN  (&chat_codec_anthropic)
#define G3  "gemini-3-pro-preview"
#define F3  "gemini-3-flash-preview"
#define P25 "gemini-2.5-pro"
#define F25 "gemini-2.5-flash"
#define F20 "gemini-2.0-flash"

/* ---- requests: in as a client writes them, out as the provider gets them */

static const struct request_row {
	const char *what;
	const struct chat_codec *from;
	const char *model, *in, *out, *unsupported, *fail;
} requests[] = {
	{ "text; members in either spelling", GE, P25,
		"{\"model\":\"x\",\"system_instruction\":{\"parts\":[{\"text\":\"be\\tbrief\"},{"
		"\"text\":\"b\"}]},\"contents\":[{\"parts\":[{\"text\":\"a\\u00e9\\n\"}]},{"
		"\"role\":\"model\",\"parts\":{\"text\":\"b\"}}],\"generation_config\":{\"max_"
		"output_tokens\":9,\"topK\":40}}",
		"{\"systemInstruction\":{\"parts\":[{\"text\":\"be\\tbrief\"},{\"text\":\"b\"}]},"
		"\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\\u00e9\\n\"}]},{"
		"\"role\":\"model\",\"parts\":[{\"text\":\"b\"}]}],\"generationConfig\":{"
		"\"maxOutputTokens\":9,\"topK\":40}}",
		"", NULL },
	{ "the system as a string, contents as one object, null is absent", GE, P25,
		"{\"systemInstruction\":\"s\",\"contents\":{\"role\":\"user\",\"parts\":[{\"text\":"
		"\"hi\"}]},\"tools\":null,\"safetySettings\":null}",
		"{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"role\":"
		"\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"generationConfig\":{}}",
		"", NULL },
	{ "everything that is set", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"temperature\":0.50,\"topP\":1.0,\"topK\":5,\"seed\":7,"
		"\"candidateCount\":2,\"maxOutputTokens\":100,\"presencePenalty\":0.1,"
		"\"frequencyPenalty\":-1,\"stopSequences\":[\"a\\n\",\"b\"],\"responseMimeType\":"
		"\"text/plain\",\"responseModalities\":[\"TEXT\"]}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"maxOutputTokens\":100,\"temperature\":0.50,\"topP\":1.0,"
		"\"topK\":5,\"seed\":7,\"candidateCount\":2,\"presencePenalty\":0.1,"
		"\"frequencyPenalty\":-1,\"stopSequences\":[\"a\\n\",\"b\"]}}",
		"", NULL },
	{ "what nobody else has is named", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"safetySettings\":[],\"a\\r\\nb\":1,\"cachedContent\":\"c\",\"labels\":{},"
		"\"store\":true,"
		"\"tools\":[{\"googleSearch\":{},\"a "
		"b\":1},{\"codeExecution\":{},\"urlContext\":{}}],"
		"\"toolConfig\":{\"retrievalConfig\":{}},\"generationConfig\":{"
		"\"responseModalities\":[\"IMAGE\"],\"speechConfig\":{},\"mediaResolution\":"
		"\"LOW\"}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{}}",
		"safetySettings,(unnamed),cachedContent,labels,store,tools[].googleSearch,tools[].("
		"unnamed),tools[]."
		"codeExecution,tools[].urlContext,generationConfig.responseModalities,"
		"generationConfig.speechConfig,generationConfig.mediaResolution,toolConfig."
		"retrievalConfig",
		NULL },
	{ "parts that nobody else has", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"executableCode\":{}},{"
		"\"codeExecutionResult\":{}},{\"text\":\"x\",\"videoMetadata\":{}},{\"newKind\":1}]"
		"}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}],"
		"\"generationConfig\":{}}",
		"contents[].parts[].executableCode,contents[].parts[].codeExecutionResult,contents["
		"].parts[].videoMetadata,contents[].parts[].newKind",
		NULL },
	{ "media", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":"
		"\"image/jpg\",\"data\":\"QUI=\"}},{\"inline_data\":{\"mime_type\":\"audio/"
		"wav\",\"data\":\"UklG\"}},{\"fileData\":{\"mimeType\":\"application\\/"
		"pdf\",\"fileUri\":\"gs://b/c.pdf\"}},{\"fileData\":{\"fileUri\":\"https://a/"
		"b.mp4\"}}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":"
		"\"image/jpeg\",\"data\":\"QUI=\"}},{\"inlineData\":{\"mimeType\":\"audio/"
		"wav\",\"data\":\"UklG\"}},{\"fileData\":{\"mimeType\":\"application\\/"
		"pdf\",\"fileUri\":\"gs://b/c.pdf\"}},{\"fileData\":{\"mimeType\":\"video/"
		"mp4\",\"fileUri\":\"https://a/b.mp4\"}}]}],\"generationConfig\":{}}",
		"", NULL },
	{ "media without anything", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":"
		"\"image/png\"}}]}]}",
		NULL, "", "contents: a part with media has neither data nor fileUri." },
	{ "calls without ids: by name and order; parallel results in several turns", GE, G3,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"gone\"},{"
		"\"functionCall\":{\"name\":\"a\",\"args\":{\"x\":1}},\"thoughtSignature\":\"s+\\/"
		"=\"},{\"functionCall\":{\"name\":\"b\"}},{\"functionCall\":{\"name\":\"a\","
		"\"args\":{\"x\":2}}}]},{\"role\":\"function\",\"parts\":[{\"functionResponse\":{"
		"\"name\":\"a\",\"response\":{\"output\":\"one\"}}},{\"functionResponse\":{"
		"\"name\":\"a\",\"response\":{\"result\":{\"k\":\"v\\n\"}}}}]},{\"role\":\"user\","
		"\"parts\":[{\"text\":\"so\"},{\"functionResponse\":{\"name\":\"b\",\"response\":{"
		"\"error\":\"bad\"}}}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"name\":\"a\",\"args\":{\"x\":1}},"
		"\"thoughtSignature\":\"s+\\/"
		"=\"},{\"functionCall\":{\"name\":\"b\",\"args\":{}}},{\"functionCall\":{\"name\":"
		"\"a\",\"args\":{\"x\":2}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{"
		"\"name\":\"a\",\"response\":{\"output\":\"one\"}}},{\"functionResponse\":{"
		"\"name\":\"b\",\"response\":{\"error\":\"bad\"}}},{\"functionResponse\":{\"name\":"
		"\"a\",\"response\":{\"output\":\"{\\\"k\\\":\\\"v\\\\n\\\"}\"}}},{\"text\":\"so\"}"
		"]}],\"generationConfig\":{}}",
		"", NULL },
	{ "ids that are given are kept to tell results apart", GE, F25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"id\":\"1\",\"name\":\"a\",\"args\":{}}},"
		"{\"functionCall\":{\"id\":\"2\",\"name\":\"a\",\"args\":{}}}]},{\"role\":\"user\","
		"\"parts\":[{\"functionResponse\":{\"id\":\"2\",\"name\":\"a\",\"response\":{"
		"\"output\":\"two\"}}},{\"functionResponse\":{\"id\":\"1\",\"name\":\"a\","
		"\"response\":{\"x\":1,\"output\":\"one\"}}}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"name\":\"a\",\"args\":{}}},{"
		"\"functionCall\":{\"name\":\"a\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{"
		"\"functionResponse\":{\"name\":\"a\",\"response\":{\"output\":\"{\\\"x\\\":1,"
		"\\\"output\\\":\\\"one\\\"}\"}}},{\"functionResponse\":{\"name\":\"a\","
		"\"response\":{\"output\":\"two\"}}}]}],\"generationConfig\":{}}",
		"", NULL },
	{ "a result with a picture", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"name\":\"a\"}}]},{\"role\":\"user\","
		"\"parts\":[{\"functionResponse\":{\"name\":\"a\",\"response\":{\"output\":\"see\"}"
		",\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
		"png\",\"data\":\"QUI=\"}}]}}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"name\":\"a\",\"args\":{}}}]},{\"role\":"
		"\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"a\",\"response\":{"
		"\"output\":\"see\"}}},{\"inlineData\":{\"mimeType\":\"image/"
		"png\",\"data\":\"QUI=\"}}]}],\"generationConfig\":{}}",
		"", NULL },
	{ "a result of no call", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":"
		"\"a\",\"response\":{}}}]}]}",
		NULL, "", "contents: the functionResponse 'a' answers no functionCall before it." },
	{ "a call without a name", GE, P25,
		"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{}}]}]}", NULL, "",
		"contents: a functionCall has no name." },
	{ "a signature that was lost", GE, G3,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"name\":\"a\"}},{\"functionCall\":{"
		"\"name\":\"b\"}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":"
		"\"a\",\"response\":{\"output\":1}}},{\"functionResponse\":{\"name\":\"b\","
		"\"response\":{\"output\":[true,null]}}}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"name\":\"a\",\"args\":{}},"
		"\"thoughtSignature\":\"skip_thought_signature_validator\"},{\"functionCall\":{"
		"\"name\":\"b\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{"
		"\"functionResponse\":{\"name\":\"a\",\"response\":{\"output\":\"1\"}}},{"
		"\"functionResponse\":{\"name\":\"b\",\"response\":{\"output\":\"[true,null]\"}}}]}"
		"],\"generationConfig\":{}}",
		"", NULL },
	{ "reasoning of earlier turns is left out", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"z\"}"
		",{\"text\":\"a\",\"thoughtSignature\":\"t\"}]},{\"role\":\"model\",\"parts\":[{"
		"\"text\":\"only "
		"thoughts\",\"thought\":true}]},{\"role\":\"user\",\"parts\":[{\"text\":\"r\"}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"text\":\"a\",\"thoughtSignature\":\"t\"}]},{\"role\":"
		"\"user\",\"parts\":[{\"text\":\"r\"}]}],\"generationConfig\":{}}",
		"", NULL },
	{ "tools: JSON Schema as it is, old schemas rewritten", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\",\"description\":\"d\\n\","
		"\"parametersJsonSchema\":{\"type\":\"object\",\"$defs\":{}}},{\"name\":\"b\"}]},{"
		"\"functionDeclarations\":[{\"name\":\"c\",\"parameters\":{\"type\":\"OBJECT\","
		"\"properties\":{\"s\\\"\":{\"type\":\"STRING\",\"nullable\":true,\"enum\":[\"x\"],"
		"\"minLength\":\"2\"},\"n\":{\"type\":\"ARRAY\",\"items\":{\"type\":\"NUMBER\"},"
		"\"max_items\":3,\"example\":[1]},\"u\":{\"anyOf\":[{\"type\":\"INTEGER\"},{"
		"\"type\":\"TYPE_UNSPECIFIED\"}]}},\"required\":[\"n\"],\"propertyOrdering\":["
		"\"n\"]}}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\",\"description\":\"d\\n\","
		"\"parametersJsonSchema\":{\"type\":\"object\",\"$defs\":{}}},{\"name\":\"b\","
		"\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{}}},{\"name\":\"c\","
		"\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"s\\\"\":{\"type\":"
		"[\"string\",\"null\"],\"enum\":[\"x\"],\"minLength\":2},\"n\":{\"type\":\"array\","
		"\"items\":{\"type\":\"number\"},\"maxItems\":3},\"u\":{\"anyOf\":[{\"type\":"
		"\"integer\"},{}]}},\"required\":[\"n\"]}}]}],\"generationConfig\":{}}",
		"", NULL },
	{ "a tool without a name", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{}]}]}",
		NULL, "", "tools: a functionDeclaration has no name." },
	{ "one function is demanded", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\"}]}],\"toolConfig\":{"
		"\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"a\"]}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\",\"parametersJsonSchema\":{\"type\":"
		"\"object\",\"properties\":{}}}]}],\"toolConfig\":{\"functionCallingConfig\":{"
		"\"mode\":\"ANY\",\"allowedFunctionNames\":[\"a\"]}},\"generationConfig\":{}}",
		"", NULL },
	{ "any, but not of all", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\"}]}],\"toolConfig\":{"
		"\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"a\",\"b\"]"
		"}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\",\"parametersJsonSchema\":{\"type\":"
		"\"object\",\"properties\":{}}}]}],\"toolConfig\":{\"functionCallingConfig\":{"
		"\"mode\":\"ANY\"}},\"generationConfig\":{}}",
		"toolConfig.functionCallingConfig.allowedFunctionNames", NULL },
	{ "none; and where there are no tools no choice", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\"}]}],\"toolConfig\":{"
		"\"functionCallingConfig\":{\"mode\":\"NONE\"}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"a\",\"parametersJsonSchema\":{\"type\":"
		"\"object\",\"properties\":{}}}]}],\"toolConfig\":{\"functionCallingConfig\":{"
		"\"mode\":\"NONE\"}},\"generationConfig\":{}}",
		"", NULL },
	{ "a choice without tools", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"toolConfig\":{"
		"\"functionCallingConfig\":{\"mode\":\"AUTO\"}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{}}",
		"", NULL },
	{ "JSON", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseMimeType\":\"application/json\"}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseMimeType\":\"application/json\"}}",
		"", NULL },
	{ "JSON by a schema", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseMimeType\":\"application/"
		"json\",\"responseSchema\":{\"type\":\"STRING\",\"format\":\"enum\",\"enum\":["
		"\"a\"]}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseMimeType\":\"application/"
		"json\",\"responseJsonSchema\":{\"type\":\"string\",\"format\":\"enum\",\"enum\":["
		"\"a\"]}}}",
		"", NULL },
	{ "JSON by JSON Schema", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseMimeType\":\"application/"
		"json\",\"responseJsonSchema\":{\"type\":\"array\"}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseMimeType\":\"application/"
		"json\",\"responseJsonSchema\":{\"type\":\"array\"}}}",
		"", NULL },
	{ "a kind of answer that is none", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseMimeType\":\"text/x.enum\"}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{}}",
		"generationConfig.responseMimeType", NULL },
	{ "thinking off, where it cannot be", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":128}}}",
		"", NULL },
	{ "thinking off", GE, F25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}",
		"", NULL },
	{ "thinking as it likes, shown", GE, F25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":-1,"
		"\"includeThoughts\":true}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":-1,"
		"\"includeThoughts\":true}}}",
		"", NULL },
	{ "a budget below the least", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":5}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":128}}}",
		"", NULL },
	{ "a level for a model with budgets", GE, F25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":2048}}}",
		"", NULL },
	{ "a budget for a model with levels", GE, F3,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":100000}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"HIGH\"}}}",
		"", NULL },
	{ "levels: the least of a large model is LOW", GE, G3,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"MINIMAL\"}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}}}",
		"", NULL },
	{ "levels: the least of a small one", GE, F3,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"MINIMAL\"}}}",
		"", NULL },
	{ "thoughts shown, and nothing else said", GE, G3,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true}}}",
		"", NULL },
	{ "thinking of a model that does not", GE, F20,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":100}}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{}}",
		"thinking", NULL },
	{ "tiers", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"serviceTier\":"
		"\"flex\"}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{},\"serviceTier\":\"flex\"}",
		"", NULL },
	{ "no tier in particular", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"serviceTier\":"
		"\"standard\"}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{}}",
		"", NULL },
	{ "a tier that is none", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"serviceTier\":"
		"\"scale\"}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{}}",
		"service_tier", NULL },
	{ "log probabilities, which no answer could tell", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"responseLogprobs\":true,\"logprobs\":3}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{}}",
		"logprobs", NULL },
	{ "more stops than there may be", GE, P25,
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"stopSequences\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"stopSequences\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}}",
		"more than 5 stop sequences", NULL },
	{ "no contents", GE, P25, "{\"generationConfig\":{}}", NULL, "",
		"contents is missing: a list of {role, parts}." },
	{ "contents of nothing", GE, P25,
		"{\"contents\":[],\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"s\"}]}],"
		"\"generationConfig\":{}}",
		"", NULL },
	{ "nothing at all", GE, P25, "{\"contents\":[]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\" "
		"\"}]}],\"generationConfig\":{}}",
		"", NULL },
	{ "no object", GE, P25, "[]", NULL, "", "The body is no JSON object." },
	{ "of another API: results, reasoning, a named tool, one call at a time", AN, G3,
		"{\"max_tokens\":99,\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":"
		"\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
		"\"hm\",\"signature\":\"x\"},{\"type\":\"redacted_thinking\",\"data\":\"yy\"},{"
		"\"type\":\"text\",\"text\":\"a\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":"
		"\"w\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"v\",\"input\":"
		"{\"c\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"so\"},{"
		"\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"content\":[{\"type\":\"text\","
		"\"text\":\"two\"},{\"type\":\"text\",\"text\":\"lines\"},{\"type\":\"image\","
		"\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
		"png\",\"data\":\"QUI=\"}}]},{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"is_"
		"error\":true,\"content\":\"no\"}]}],\"tools\":[{\"name\":\"w\",\"input_schema\":{"
		"\"type\":\"object\"}},{\"name\":\"v\",\"input_schema\":{\"type\":\"object\"}}],"
		"\"tool_choice\":{\"type\":\"tool\",\"name\":\"w\",\"disable_parallel_tool_use\":"
		"true},\"metadata\":{\"user_id\":\"u\"}}",
		"{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"role\":"
		"\"user\",\"parts\":[{\"text\":\"hi\"}]},{\"role\":\"model\",\"parts\":[{\"text\":"
		"\"a\"},{\"functionCall\":{\"name\":\"w\",\"args\":{}},\"thoughtSignature\":\"skip_"
		"thought_signature_validator\"},{\"functionCall\":{\"name\":\"v\",\"args\":{\"c\":"
		"1}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"w\","
		"\"response\":{\"error\":\"no\"}}},{\"functionResponse\":{\"name\":\"v\","
		"\"response\":{\"output\":\"two\\nlines\"}}},{\"inlineData\":{\"mimeType\":\"image/"
		"png\",\"data\":\"QUI=\"}},{\"text\":\"so\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"w\",\"parametersJsonSchema\":{\"type\":"
		"\"object\"}},{\"name\":\"v\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}],"
		"\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\","
		"\"allowedFunctionNames\":[\"w\"]}},\"generationConfig\":{\"maxOutputTokens\":99}}",
		"", NULL },
	{ "of another API: one call at a time, of any tool", AN, P25,
		"{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{\"type\":\"object\"}}],"
		"\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{"
		"\"functionDeclarations\":[{\"name\":\"w\",\"parametersJsonSchema\":{\"type\":"
		"\"object\"}}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\"}},"
		"\"generationConfig\":{\"maxOutputTokens\":9}}",
		"parallel_tool_calls", NULL },
	{ "of another API: files that lie with it", AN, P25,
		"{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
		"\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}},{\"type\":\"image\","
		"\"source\":{\"type\":\"url\",\"url\":\"https://a/b.webp\"}}]}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"fileData\":{\"mimeType\":\"image/"
		"webp\",\"fileUri\":\"https://a/"
		"b.webp\"}}]}],\"generationConfig\":{\"maxOutputTokens\":9}}",
		"media by file id", NULL },
	{ "of another API: reasoning with a budget", AN, F25,
		"{\"max_tokens\":4000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"
		"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
		"\"generationConfig\":{\"maxOutputTokens\":4000,\"thinkingConfig\":{"
		"\"thinkingBudget\":2000,\"includeThoughts\":true}}}",
		"", NULL },
};

START_TEST(request)
{
	const struct request_row *r = &requests[_i];
	struct chat_request rq = { 0 };
	struct chat_unit u;

	chat_unit_init(&u, r->model);
	if (chat_unit_request(&u, r->from, GE, r->in, &rq) == 0)
		ck_assert_msg(r->out != NULL && strcmp(u.text, r->out) == 0, "%s: got\n%s\nnot\n%s",
			r->what, u.text, r->out);
	ck_assert_msg(strcmp(u.cx.fail, r->fail != NULL ? r->fail : "") == 0, "%s: %s", r->what,
		u.cx.fail);
	ck_assert_msg(strcmp(chat_unit_unsupported(&u), r->unsupported) == 0, "%s: %s", r->what,
		chat_unit_unsupported(&u));
	chat_unit_fini(&u);
}
END_TEST

/* A client's reasoning, in the hub: opaque one of another vendor finds its way back. */
START_TEST(reasoning_in_hub)
{
	struct chat_request rq = { 0 };
	const struct chat_part *p;
	struct chat_unit u;

	chat_unit_init(&u, P25);
	ck_assert_int_eq(GE->read_request(&u.cx,
				 chat_unit_parse(&u.arena,
					 "{\"contents\":[{\"role\":\"model\",\"parts\":["
					 "{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":"
					 "\"s\\/=\"},{\"text\":\"\",\"thought\":true,"
					 "\"thoughtSignature\":\"redacted_thinking:xx==\"}]}]}"),
				 &rq),
		0);
	p = rq.turn->part;
	ck_assert_int_eq(p->kind, PART_THINKING);
	UNIT_STR_EQ(p->text, STR("hm"));
	UNIT_STR_EQ(p->signature, STR("s\\/="));
	ck_assert_int_eq(p->next->kind, PART_REDACTED);
	UNIT_STR_EQ(p->next->data, STR("xx=="));
	chat_unit_fini(&u);
}
END_TEST

/* Many open calls are looked through only so far; none stays marked as taken. */
START_TEST(many_calls)
{
	enum { CALLS = 1000 };
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	struct chat_request rq = { 0 };
	struct chat_unit u;

	fputs("{\"contents\":[{\"role\":\"model\",\"parts\":[", out);
	for (unsigned i = 0; i < CALLS; i++)
		fprintf(out, "%s{\"functionCall\":{\"name\":\"f%u\"}}", i > 0 ? "," : "", i);
	fputs("]},{\"role\":\"user\",\"parts\":[", out);
	for (unsigned i = 0; i < CALLS; i++)
		fprintf(out,
			"%s{\"functionResponse\":{\"name\":\"f%u\",\"response\":{\"output\":%u}}}",
			i > 0 ? "," : "", i, i);
	fputs("]}]}", out);
	fclose(out);
	chat_unit_init(&u, P25);
	ck_assert_int_eq(chat_unit_request(&u, GE, GE, text, &rq), 0);
	ck_assert_ptr_nonnull(
		strstr(u.text, "\"name\":\"f999\",\"response\":{\"output\":\"999\"}"));
	for (const struct chat_part *p = rq.turn->part; p != NULL; p = p->next)
		ck_assert(!p->is_error);
	chat_unit_fini(&u);
	free(text);
}
END_TEST

/* ---- answers: in as the provider gives them, out as a client gets them */

static const struct answer_row {
	const char *what, *in, *out, *fail;
} answers[] = {
	{ "text and a call; the signature on the same part",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true},{"
		"\"text\":\"a\\n\"},{\"text\":\"\",\"thoughtSignature\":\"t\"},{\"functionCall\":{"
		"\"name\":\"w\",\"args\":{\"x\":\"\\u00e9\"}},\"thoughtSignature\":\"s+/"
		"=\"},{\"functionCall\":{\"id\":\"own\",\"name\":\"v\"}}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
		"\"cachedContentTokenCount\":4,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":3,"
		"\"totalTokenCount\":17},\"modelVersion\":\"gemini-x\",\"responseId\":\"r/1\"}",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true},{"
		"\"text\":\"a\\n\",\"thoughtSignature\":\"t\"},{\"functionCall\":{\"id\":\"call_r1_"
		"0\",\"name\":\"w\",\"args\":{\"x\":\"\\u00e9\"}},\"thoughtSignature\":\"s+/"
		"=\"},{\"functionCall\":{\"id\":\"own\",\"name\":\"v\",\"args\":{}}}],\"role\":"
		"\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{"
		"\"promptTokenCount\":9,\"cachedContentTokenCount\":4,\"candidatesTokenCount\":5,"
		"\"thoughtsTokenCount\":3,\"totalTokenCount\":17,\"promptTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":9}],\"candidatesTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":5}]},\"modelVersion\":\"gemini-x\","
		"\"responseId\":\"r/1\"}",
		NULL },
	{ "two candidates, in any order",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":"
		"\"MAX_TOKENS\",\"index\":1},{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
		"\"finishReason\":\"STOP\",\"index\":0}]}",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\",\"index\":0},{\"content\":{\"parts\":[{\"text\":\"b\"}],"
		"\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\",\"index\":1}],"
		"\"modelVersion\":\"mm\",\"responseId\":\"id_of_ours\"}",
		NULL },
	{ "a refused prompt",
		"{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{"
		"\"promptTokenCount\":9,\"totalTokenCount\":9}}",
		"{\"candidates\":[{\"content\":{\"parts\":[],\"role\":\"model\"},\"finishReason\":"
		"\"SAFETY\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
		"\"candidatesTokenCount\":0,\"totalTokenCount\":9,\"promptTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":9}]},\"modelVersion\":\"mm\",\"responseId\":"
		"\"id_of_ours\"}",
		NULL },
	{ "safety", "{\"candidates\":[{\"finishReason\":\"SAFETY\"}]}",
		"{\"candidates\":[{\"content\":{\"parts\":[],\"role\":\"model\"},\"finishReason\":"
		"\"SAFETY\",\"index\":0}],\"modelVersion\":\"mm\",\"responseId\":\"id_of_ours\"}",
		NULL },
	{ "a call that went wrong is no silent stop",
		"{\"candidates\":[{\"content\":{},\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}",
		"{\"candidates\":[{\"content\":{\"parts\":[],\"role\":\"model\"},\"finishReason\":"
		"\"OTHER\",\"index\":0}],\"modelVersion\":\"mm\",\"responseId\":\"id_of_ours\"}",
		NULL },
	{ "a reason that is new",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":"
		"\"BRAND_NEW\"}]}",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"OTHER\",\"index\":0}],\"modelVersion\":\"mm\",\"responseId\":"
		"\"id_of_ours\"}",
		NULL },
	{ "no reason", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"OTHER\",\"index\":0}],\"modelVersion\":\"mm\",\"responseId\":"
		"\"id_of_ours\"}",
		NULL },
	{ "media are kept, parts of other kinds passed over",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
		"png\",\"data\":\"QUI=\"}},{\"executableCode\":{}},{\"text\":\"a\"}]},"
		"\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":9,"
		"\"candidatesTokenCount\":1300,\"candidatesTokensDetails\":[{\"modality\":"
		"\"IMAGE\",\"tokenCount\":1290}],\"promptTokensDetails\":[{\"modality\":\"AUDIO\","
		"\"tokenCount\":4}]}}",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
		"png\",\"data\":\"QUI=\"}},{\"text\":\"a\"}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
		"\"candidatesTokenCount\":1300,\"totalTokenCount\":1309,\"promptTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":5},{\"modality\":\"AUDIO\",\"tokenCount\":4}]"
		",\"candidatesTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":10},{"
		"\"modality\":\"IMAGE\",\"tokenCount\":1290}]},\"modelVersion\":\"mm\","
		"\"responseId\":\"id_of_ours\"}",
		NULL },
	{ "no candidates", "{\"usageMetadata\":{}}", NULL, "it has no candidates" },
	{ "a stream as one array: pieces of text are one text",
		"[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0}],"
		"\"usageMetadata\":{\"promptTokenCount\":9,\"totalTokenCount\":9},\"modelVersion\":"
		"\"g\",\"responseId\":\"r\"}\n,\r\n{\"candidates\":[{\"content\":{\"parts\":[{"
		"\"text\":\"b\"},{\"functionCall\":{\"name\":\"w\",\"args\":{\"x\":[1]}}}]},"
		"\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
		"\"candidatesTokenCount\":5,\"totalTokenCount\":14}}]",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"ab\"},{\"functionCall\":{"
		"\"id\":\"call_r_0\",\"name\":\"w\",\"args\":{\"x\":[1]}}}],\"role\":\"model\"},"
		"\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
		"\"candidatesTokenCount\":5,\"totalTokenCount\":14,\"promptTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":9}],\"candidatesTokensDetails\":[{"
		"\"modality\":\"TEXT\",\"tokenCount\":5}]},\"modelVersion\":\"g\",\"responseId\":"
		"\"r\"}",
		NULL },
	{ "an array that is cut off",
		"[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0}]}]",
		NULL,
		"it ended in an error: The provider's answer ended without a finish reason." },
	{ "an array that ends in an error",
		"[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0}]},"
		"{\"error\":{\"code\":503,\"message\":\"full\",\"status\":\"UNAVAILABLE\"}}]",
		NULL, "it ended in an error: full" },
	{ "an empty array", "[]", NULL,
		"it ended in an error: The provider's answer ended without a finish reason." },
	{ "an array of other things", "[1,{}]", NULL,
		"it ended in an error: The provider's answer ended without a finish reason." },
};

START_TEST(answer)
{
	const struct answer_row *r = &answers[_i];
	struct chat_unit u;

	chat_unit_init(&u, "mm");
	if (chat_unit_answer(&u, GE, GE, r->in) == 0)
		ck_assert_msg(r->out != NULL && strcmp(u.text, r->out) == 0, "%s: got\n%s\nnot\n%s",
			r->what, u.text, r->out);
	ck_assert_msg(strcmp(u.cx.fail, r->fail != NULL ? r->fail : "") == 0, "%s: %s", r->what,
		u.cx.fail);
	chat_unit_fini(&u);
}
END_TEST

/* Why it ended, in the hub's words, whatever the vendor's. */
START_TEST(finish)
{
	static const struct {
		const char *word;
		enum chat_finish finish;
	} t[] = { { "STOP", FINISH_STOP }, { "MAX_TOKENS", FINISH_LENGTH },
		{ "SAFETY", FINISH_FILTER }, { "RECITATION", FINISH_FILTER },
		{ "BLOCKLIST", FINISH_FILTER }, { "PROHIBITED_CONTENT", FINISH_FILTER },
		{ "SPII", FINISH_FILTER }, { "IMAGE_SAFETY", FINISH_FILTER },
		{ "MALFORMED_FUNCTION_CALL", FINISH_ERROR },
		{ "UNEXPECTED_TOOL_CALL", FINISH_ERROR }, { "TOO_MANY_TOOL_CALLS", FINISH_ERROR },
		{ "NO_IMAGE", FINISH_ERROR }, { "OTHER", FINISH_ERROR }, { "", FINISH_NONE },
		{ "FINISH_REASON_UNSPECIFIED", FINISH_NONE } };

	for (size_t i = 0; i < TG_ARRAY_LEN(t); i++)
		ck_assert_msg(gemini_finish_of(str_z(t[i].word)) == t[i].finish, "%s", t[i].word);
	ck_assert_str_eq(gemini_finish_word(FINISH_TOOL), "STOP");
	ck_assert_str_eq(gemini_finish_word(FINISH_LENGTH), "MAX_TOKENS");
	ck_assert_str_eq(gemini_finish_word(FINISH_FILTER), "SAFETY");
	ck_assert_str_eq(gemini_finish_word(FINISH_ERROR), "OTHER");
}
END_TEST

/* Ids that are made up: the same again for the same answer, safe for every vendor. */
START_TEST(call_ids)
{
	struct chat_unit u;

	chat_unit_init(&u, "x");
	UNIT_STR_EQ(gemini_call_id(&u.cx, &u.arena, STR("r/+1_-"), 0), STR("call_r1_-_0"));
	UNIT_STR_EQ(gemini_call_id(&u.cx, &u.arena, STR_NONE, 7), STR("call_id_of_ours_7"));
	ck_assert_uint_le(
		gemini_call_id(&u.cx, &u.arena,
			STR("0123456789012345678901234567890123456789012345678901234567890123"),
			4000000000u)
			.n,
		64);
	chat_unit_fini(&u);
}
END_TEST

/* ---- errors */

static const struct error_row {
	int status;
	const char *in;
	int want;
	const char *out;
} errors[] = {
	{ 429,
		"{\"error\":{\"code\":429,\"message\":\"m\\n\",\"status\":\"RESOURCE_EXHAUSTED\","
		"\"details\":[{\"@type\":\"type.googleapis.com/"
		"google.rpc.QuotaFailure\"},{\"@type\":\"type.googleapis.com/"
		"google.rpc.RetryInfo\",\"retryDelay\":\"34.4s\"}]}}",
		429,
		"{\"error\":{\"code\":429,\"message\":\"m\\n\",\"status\":\"RESOURCE_EXHAUSTED\","
		"\"details\":[{\"@type\":\"type.googleapis.com/"
		"google.rpc.RetryInfo\",\"retryDelay\":\"34.400s\"}]}}" },
	{ 400,
		"{\"error\":{\"code\":400,\"message\":\"API key not "
		"valid.\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type."
		"googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\"}]}}",
		400,
		"{\"error\":{\"code\":400,\"message\":\"API key not "
		"valid.\",\"status\":\"INVALID_ARGUMENT\"}}" },
	{ 503, "[{\"error\":{\"code\":503,\"message\":\"over\",\"status\":\"UNAVAILABLE\"}}]", 503,
		"{\"error\":{\"code\":503,\"message\":\"over\",\"status\":\"UNAVAILABLE\"}}" },
	{ 0, "{\"error\":{\"message\":\"m\",\"status\":\"DEADLINE_EXCEEDED\"}}", 504,
		"{\"error\":{\"code\":504,\"message\":\"m\",\"status\":\"DEADLINE_EXCEEDED\"}}" },
	{ 0, "{\"error\":{\"code\":429}}", 429,
		"{\"error\":{\"code\":429,\"message\":\"\",\"status\":\"RESOURCE_EXHAUSTED\"}}" },
	{ 0, "{\"error\":{}}", 502,
		"{\"error\":{\"code\":502,\"message\":\"\",\"status\":\"INTERNAL\"}}" },
	{ 500, "{}", 500, "{\"error\":{\"code\":500,\"message\":\"\",\"status\":\"INTERNAL\"}}" },
	{ 502, "{\"error\":\"text\"}", 502,
		"{\"error\":{\"code\":502,\"message\":\"text\",\"status\":\"INTERNAL\"}}" },
	{ 529,
		"{\"error\":{\"code\":529,\"message\":\"m\",\"details\":[{\"@type\":\"x/"
		"google.rpc.RetryInfo\",\"retryDelay\":\"1.0004s\"}]}}",
		529,
		"{\"error\":{\"code\":529,\"message\":\"m\",\"status\":\"UNAVAILABLE\",\"details\":"
		"[{\"@type\":\"type.googleapis.com/"
		"google.rpc.RetryInfo\",\"retryDelay\":\"1.001s\"}]}}" },
	{ 418,
		"{\"error\":{\"message\":\"m\",\"details\":[{\"@type\":\"x/"
		"google.rpc.RetryInfo\",\"retryDelay\":\"soon\"}]}}",
		418,
		"{\"error\":{\"code\":418,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\"}}" },
};

START_TEST(error)
{
	const struct error_row *r = &errors[_i];
	char array[512];
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_error(&u, GE, GE, r->status, r->in), r->want);
	CHAT_UNIT_TEXT(&u, r->out);
	u.cx.stream_array = true;
	ck_assert_int_eq(chat_unit_error(&u, GE, GE, r->status, r->in), r->want);
	snprintf(array, sizeof array, "[%s]", r->out);
	CHAT_UNIT_TEXT(&u, array);
	chat_unit_fini(&u);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, request, 0, (int)TG_ARRAY_LEN(requests));
	tcase_add_test(tc, reasoning_in_hub);
	tcase_add_test(tc, many_calls);
	tcase_add_loop_test(tc, answer, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_test(tc, finish);
	tcase_add_test(tc, call_ids);
	tcase_add_loop_test(tc, error, 0, (int)TG_ARRAY_LEN(errors));
}

UNIT_MAIN("gemini", tests)
