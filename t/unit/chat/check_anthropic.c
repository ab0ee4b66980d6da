/*
 * check_anthropic.c: the messages API, read and written: requests (providers.md 10.1), answers and
 * finish reasons (10.2), errors (5.1), usage (section 1). Streams: check_anthropic_stream.c.
 */
#include "chat/anthropic.h"
#include "chat_unit.h"

#define OLD  "claude-3-haiku-20240307"
#define S37  "claude-3-7-sonnet-20250219"
#define S45  "claude-sonnet-4-5-20250929"
#define O46  "claude-opus-4-6"
#define O47  "us.anthropic.claude-opus-4-7-v1:0"
#define O5   "claude-opus-5"
#define O55  "claude-opus-5-5"
#define AN   (&chat_codec_anthropic)
#define HI   "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define M(m) "{\"model\":\"" m "\",\"max_tokens\":100,"

/* ---- requests: in as a client writes them, out as the provider gets them */

static const struct request_row {
	const char *what, *model, *in, *out, *unsupported, *fail;
} requests[] = {
	{ "basic", S45, "{\"model\":\"x\",\"max_tokens\":100," HI "}", M(S45) HI "}", "", NULL },
	{ "everything that is set", S45,
		"{\"max_tokens\":9,\"stream\":true,\"temperature\":0.50,\"top_k\":5,"
		"\"stop_sequences\":[\"a\\n\",\"b\"],\"metadata\":{\"user_id\":\"u\\u00e9\"},"
		"\"service_tier\":\"standard_only\",\"system\":\"be\\tbrief\"," HI "}",
		"{\"model\":\"" S45 "\",\"max_tokens\":9,\"system\":\"be\\tbrief\"," HI
		",\"temperature\":0.50,\"top_k\":5,\"stop_sequences\":[\"a\\n\",\"b\"],"
		"\"metadata\":{\"user_id\":\"u\\u00e9\"},\"service_tier\":\"standard_only\","
		"\"stream\":true}",
		"", NULL },
	{ "default of the model", S45, "{" HI "}",
		"{\"model\":\"" S45 "\",\"max_tokens\":32000," HI "}", "", NULL },
	{ "more than the model can", OLD, "{\"max_tokens\":999999," HI "}",
		"{\"model\":\"" OLD "\",\"max_tokens\":4096," HI "}", "", NULL },
	{ "system as blocks, cached", S45,
		"{\"max_tokens\":100,\"system\":[{\"type\":\"text\",\"text\":\"a\"},"
		"{\"type\":\"text\",\"text\":\" \"},{\"type\":\"text\",\"text\":\"b\","
		"\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]," HI "}",
		M(S45) "\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":"
		       "\"b\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]," HI "}",
		"", NULL },
	{ "system turns go to the top", S45,
		"{\"max_tokens\":100,\"system\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":"
		"\"hi\"},{\"role\":\"system\",\"content\":\"b\"}]}",
		M(S45) "\"system\":\"a\\n\\nb\"," HI "}", "", NULL },
	{ "cache for all stands behind the last block", S45,
		"{\"max_tokens\":100,\"cache_control\":{\"type\":\"ephemeral\"}," HI "}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
		       "\"hi\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
		"", NULL },
	{ "neighbours of one role become one, results first, blanks left out", S45,
		"{\"max_tokens\":100,\"messages\":["
		"{\"role\":\"user\",\"content\":\"weather?\"},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\" \\n\"},"
		"{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"w\",\"input\":{\"c\":\"A\"}}]},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t2\","
		"\"name\":"
		"\"w\",\"input\":{}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"so\"},"
		"{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"sun\"}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t2\","
		"\"is_error\":true}]}],"
		"\"tools\":[{\"name\":\"w\",\"description\":\"d\",\"input_schema\":{\"type\":"
		"\"object\"},"
		"\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}}]}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":\"weather?\"},"
		       "{\"role\":\"assistant\",\"content\":["
		       "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"w\",\"input\":{\"c\":\"A\"}"
		       "},"
		       "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"w\",\"input\":{}}]},"
		       "{\"role\":\"user\",\"content\":["
		       "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"sun\"},"
		       "{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"is_error\":true},"
		       "{\"type\":\"text\",\"text\":\"so\"}]}],"
		       "\"tools\":[{\"name\":\"w\",\"description\":\"d\",\"input_schema\":{"
		       "\"type\":"
		       "\"object\"},\"cache_control\":{\"type\":\"ephemeral\"}}]}",
		"", NULL },
	{ "images and documents, in results too", S45,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":["
		"{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"image\","
		"\"source\":{\"type\":\"base64\",\"media_type\":\"image/jpg\",\"data\":\"QUI\"}},"
		"{\"type\":\"text\",\"text\":\"x\"}]},"
		"{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://a/b\"}},"
		"{\"type\":\"document\",\"title\":\"T\",\"source\":{\"type\":\"base64\",\"media_"
		"type\":"
		"\"application\\/pdf\",\"data\":\"JVBERg==\"}},"
		"{\"type\":\"document\",\"title\":\"N\",\"source\":{\"type\":\"text\",\"media_"
		"type\":"
		"\"text/plain\",\"data\":\"note\"}}]}]}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":["
		       "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":"
		       "\"image\","
		       "\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
		       "jpeg\",\"data\":\"QUI\"}},"
		       "{\"type\":\"text\",\"text\":\"x\"}]},"
		       "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://a/b\"}},"
		       "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
		       "\"application/pdf\",\"data\":\"JVBERg==\"},\"title\":\"T\"},"
		       "{\"type\":\"text\",\"text\":\"N\"},{\"type\":\"text\",\"text\":\"note\"}]}]"
		       "}",
		"", NULL },
	{ "media that cannot be passed on", S45,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":["
		"{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}},"
		"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
		"bmp\",\"data\":"
		"\"QUI\"}},{\"type\":\"text\",\"text\":\"hi\"}]}]}",
		M(S45) HI "}",
		"messages[].content[].file_id,messages[].content[].image (PNG, JPEG, GIF and WebP "
		"only)",
		NULL },
	{ "thinking is kept byte for byte, without a signature it is not", S45,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":["
		"{\"type\":\"thinking\",\"thinking\":\"hm\\u0021\",\"signature\":\"a+\\/b==\"},"
		"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"c\"},"
		"{\"type\":\"thinking\",\"thinking\":\"unsigned\",\"signature\":\"\"},"
		"{\"type\":\"redacted_thinking\",\"data\":\"xx==\"},"
		"{\"type\":\"text\",\"text\":\"so\",\"citations\":null}]},"
		"{\"role\":\"user\",\"content\":\"go on\"}]}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
		       "\"assistant\","
		       "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\\u0021\","
		       "\"signature\":"
		       "\"a+\\/"
		       "b==\"},{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"c\"},"
		       "{\"type\":\"redacted_thinking\",\"data\":\"xx==\"},{\"type\":\"text\","
		       "\"text\":"
		       "\"so\"}]},{\"role\":\"user\",\"content\":\"go on\"}]}",
		"", NULL },
	{ "thoughts are not for a model without any", OLD,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\","
		"\"signature\":"
		"\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"x\"},{\"type\":\"text\","
		"\"text\":\"ho\"}]},"
		"{\"role\":\"user\",\"content\":\"go on\"}]}",
		M(OLD) "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
		       "\"assistant\","
		       "\"content\":\"ho\"},{\"role\":\"user\",\"content\":\"go on\"}]}",
		"", NULL },
	{ "a prefill loses the white space at its end", S45,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":\"a \\\\n\\\\\\n \\t\"}]}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
		       "\"assistant\","
		       "\"content\":\"a \\\\n\\\\\"}]}",
		"", NULL },
	{ "a prefill that the model refuses", O47,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":\"a\"}]}",
		M(O47) HI "}", "messages[] (an answer's beginning as the last turn)", NULL },
	{ "ids that the API refuses", S45,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a.b|1\","
		"\"name\":\"w\","
		"\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
		"\"tool_use_id\":\"a.b|1\",\"content\":[]}]}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}]}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
		       "\"assistant\","
		       "\"content\":[{\"type\":\"tool_use\",\"id\":\"toolu_076c6db513ffcef3\","
		       "\"name\":\"w\","
		       "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
		       "\"tool_use_id\":\"toolu_076c6db513ffcef3\"}]}],"
		       "\"tools\":[{\"name\":\"w\",\"input_schema\":{}}]}",
		"", NULL },
	{ "calls in the history, no tools any more", S45,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":"
		"\"w\","
		"\"input\":{}},{\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"w\",\"input\":{}}]}]"
		"}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
		       "\"assistant\","
		       "\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"w\",\"input\":{"
		       "}},"
		       "{\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"w\",\"input\":{}}]}],"
		       "\"tools\":[{\"name\":\"w\",\"input_schema\":{\"type\":\"object\"}}],"
		       "\"tool_choice\":{\"type\":\"none\"}}",
		"", NULL },
	{ "strict tools and a choice", S45,
		"{\"max_tokens\":100," HI
		",\"tools\":[{\"type\":\"custom\",\"name\":\"w\",\"strict\":true,"
		"\"input_schema\":{\"type\":\"object\"},\"allowed_callers\":[\"direct\"]}],"
		"\"tool_choice\":{\"type\":\"tool\",\"name\":\"w\",\"disable_parallel_tool_use\":"
		"true}}",
		M(S45) HI ",\"tools\":[{\"name\":\"w\",\"input_schema\":{\"type\":\"object\","
			  "\"additionalProperties\":false},"
			  "\"strict\":true}],"
			  "\"tool_choice\":{\"type\":\"tool\",\"name\":\"w\","
			  "\"disable_parallel_tool_use\":true}}",
		"", NULL },
	{ "none is none", S45,
		"{\"max_tokens\":100," HI ",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],"
		"\"tool_choice\":{\"type\":\"none\"}}",
		M(S45) HI ",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],"
			  "\"tool_choice\":{\"type\":\"none\"}}",
		"", NULL },
	{ "a choice that the model refuses", O55,
		"{\"max_tokens\":100," HI ",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],"
		"\"tool_choice\":{\"type\":\"any\"}}",
		M(O55) HI ",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],"
			  "\"tool_choice\":{\"type\":\"auto\"}}",
		"tool_choice", NULL },
	{ "tools of the provider's own", S45,
		"{\"max_tokens\":100," HI ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":"
		"\"web_search\",\"max_uses\":3},{\"type\":\"a\\nb\",\"name\":\"x\"}]}",
		M(S45) HI "}", "tools[].web_search_20250305,tools[].(unnamed)", NULL },
	{ "what another API cannot say, by name", S45,
		"{\"max_tokens\":100,\"container\":\"c\",\"mcp_servers\":null,\"output_config\":"
		"{\"task_budget\":{}},\"messages\":[{\"role\":\"user\",\"content\":["
		"{\"type\":\"text\",\"text\":\"hi\",\"citations\":[]},"
		"{\"type\":\"search_result\",\"source\":\"s\"}]}]}",
		M(S45) HI "}",
		"messages[].content[].citations,messages[].content[].search_result,container,"
		"output_config.task_budget",
		NULL },
	{ "a schema", S45,
		"{\"max_tokens\":100," HI
		",\"output_config\":{\"format\":{\"type\":\"json_schema\","
		"\"schema\":{\"type\":\"object\",\"properties\":{\"minimum\":{\"type\":\"integer\","
		"\"minimum\":1,\"maximum\":9},\"q\\\"\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":"
		"\"#/$defs/o\"}]},\"l\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}},"
		"\"$defs\":{\"o\":{\"type\":\"object\",\"additionalProperties\":true,"
		"\"default\":{\"type\":\"object\"}}},\"required\":[\"l\"]}}}}",
		M(S45) HI ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
			  "\"type\":\"object\",\"properties\":{\"minimum\":{\"type\":\"integer\"},"
			  "\"q\\\"\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/o\"}]},"
			  "\"l\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
			  "\"additionalProperties\":false}}},\"$defs\":{\"o\":{\"type\":\"object\","
			  "\"additionalProperties\":true,\"default\":{\"type\":\"object\"}}},"
			  "\"required\":[\"l\"],\"additionalProperties\":false}}}}",
		"response_format.schema.minimum,response_format.schema.maximum", NULL },
	{ "a schema that the model does not know", OLD,
		"{\"max_tokens\":100," HI
		",\"output_config\":{\"format\":{\"type\":\"json_schema\","
		"\"schema\":{}}}}",
		M(OLD) HI "}", "response_format", NULL },
	/* what agents send and any API does, or does not need to */
	{ "deferred tools, what was found among them, thoughts that are kept", S45,
		"{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
		"\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"find\","
		"\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
		"\"tool_use_id\":\"t\",\"content\":[{\"type\":\"tool_reference\",\"tool_name\":"
		"\"get\"}]}]}],\"context_management\":{\"edits\":[{\"type\":"
		"\"clear_thinking_20251015\",\"keep\":\"all\"}]},\"tools\":[{\"name\":\"get\","
		"\"input_schema\":{\"type\":\"object\"},\"defer_loading\":true}]}",
		M(S45) "\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
		       "\"assistant\","
		       "\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"find\","
		       "\"input\":"
		       "{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
		       "\"tool_use_id\":\"t\",\"content\":\"get\"}]}],\"tools\":[{\"name\":\"get\","
		       "\"input_schema\":{\"type\":\"object\"}}]}",
		"", NULL },
	{ "edits that keep all, as the SDK types it", S45,
		"{\"max_tokens\":100," HI ",\"context_management\":{\"edits\":[{\"type\":\"clear_"
		"thinking_20251015\",\"keep\":{\"type\":\"all\"}}]}}",
		M(S45) HI "}", "", NULL },
	{ "edits that keep some, likewise", S45,
		"{\"max_tokens\":100," HI ",\"context_management\":{\"edits\":[{\"type\":\"clear_"
		"thinking_20251015\",\"keep\":{\"type\":\"thinking_turns\",\"value\":2}}]}}",
		M(S45) HI "}", "context_management.edits[].clear_thinking_20251015", NULL },
	{ "edits that take something away", S45,
		"{\"max_tokens\":100," HI ",\"context_management\":{\"edits\":[{\"type\":\"clear_"
		"thinking_20251015\",\"keep\":"
		"{\"type\":\"thinking_turns\",\"value\":1}},{\"type\":\"clear_tool_uses_20250919\"}"
		"],"
		"\"else\":1}}",
		M(S45) HI "}",
		"context_management.edits[].clear_thinking_20251015,"
		"context_management.edits[].clear_tool_uses_20250919,context_management.else",
		NULL },
	{ "edits that are none", S45,
		"{\"max_tokens\":100," HI ",\"context_management\":{\"edits\":[1]}}", NULL, "",
		"context_management.edits must be objects with a \"type\"" },
	/* thinking */
	{ "a budget", S45,
		"{\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}"
		"," HI "}",
		"{\"model\":\"" S45 "\",\"max_tokens\":9000," HI
		",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}}",
		"", NULL },
	{ "the budget gives way to the limit", S45,
		"{\"max_tokens\":4000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}"
		"," HI "}",
		"{\"model\":\"" S45 "\",\"max_tokens\":4000," HI
		",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":3000}}",
		"", NULL },
	{ "below the least there is none", S45,
		"{\"max_tokens\":1024,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}"
		"," HI "}",
		"{\"model\":\"" S45 "\",\"max_tokens\":1024," HI "}", "", NULL },
	{ "no limit named: it makes room for the budget", S37,
		"{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":40000}," HI "}",
		"{\"model\":\"" S37 "\",\"max_tokens\":44096," HI
		",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":33072}}",
		"", NULL },
	{ "adaptive at a model that takes a budget", S45,
		"{\"max_tokens\":20000,\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{"
		"\"effort\":"
		"\"low\"}," HI "}",
		"{\"model\":\"" S45 "\",\"max_tokens\":20000," HI
		",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}}",
		"", NULL },
	{ "a budget at a model that is adaptive", O47,
		"{\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}"
		"," HI "}",
		"{\"model\":\"" O47 "\",\"max_tokens\":9000," HI
		",\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},"
		"\"output_config\":{\"effort\":\"medium\"}}",
		"", NULL },
	{ "adaptive, omitted", O47,
		"{\"max_tokens\":100,\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},"
		"\"output_config\":{\"effort\":\"xhigh\"}," HI "}",
		M(O47) HI
		",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"xhigh\"}}",
		"", NULL },
	{ "no xhigh before 4.7", O46,
		"{\"max_tokens\":100,\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},"
		"\"output_config\":{\"effort\":\"xhigh\"}," HI "}",
		M(O46) HI
		",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"}}",
		"", NULL },
	{ "switched off where it is on", O5,
		"{\"max_tokens\":100,\"thinking\":{\"type\":\"disabled\"}," HI "}",
		M(O5) HI ",\"thinking\":{\"type\":\"disabled\"}}", "", NULL },
	{ "switched off where it is off", O47,
		"{\"max_tokens\":100,\"thinking\":{\"type\":\"disabled\"}," HI "}", M(O47) HI "}",
		"", NULL },
	{ "switched off where it cannot be", O55,
		"{\"max_tokens\":100,\"thinking\":{\"type\":\"disabled\"}," HI "}", M(O55) HI "}",
		"thinking", NULL },
	{ "at a model that does not think", OLD,
		"{\"max_tokens\":100,\"thinking\":{\"type\":\"adaptive\"}," HI "}", M(OLD) HI "}",
		"thinking", NULL },
	{ "a demanded tool excludes it, effort stays", O5,
		"{\"max_tokens\":100,\"output_config\":{\"effort\":\"max\"}," HI
		",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],\"tool_choice\":{\"type\":"
		"\"any\"}}",
		M(O5) HI
		",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],\"tool_choice\":{\"type\":"
		"\"any\"},"
		"\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"high\"}}",
		"", NULL },
	{ "a demanded tool and a budget", S45,
		"{\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"
		"," HI ",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],\"tool_choice\":{"
		"\"type\":\"any\"}}",
		"{\"model\":\"" S45 "\",\"max_tokens\":9000," HI
		",\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],\"tool_choice\":{\"type\":"
		"\"any\"}}",
		"thinking", NULL },
	{ "what a user says beside results does not end it", S45,
		"{\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"
		"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
		"\"content\":["
		"{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"w\",\"input\":{}}]},{\"role\":"
		"\"user\","
		"\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":\"r\"}]},"
		"{\"role\":\"user\",\"content\":\"so?\"}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}]}",
		"{\"model\":\"" S45
		"\",\"max_tokens\":9000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":"
		"\"w\",\"input\":{}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\","
		"\"content\":\"r\"},"
		"{\"type\":\"text\",\"text\":\"so?\"}]}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}]}",
		"", NULL },
	{ "a turn that is over does not matter", S45,
		"{\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"
		"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
		"\"content\":["
		"{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"w\",\"input\":{}}]},{\"role\":"
		"\"user\","
		"\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":\"r\"}]},"
		"{\"role\":\"assistant\",\"content\":\"ho\"},{\"role\":\"user\",\"content\":\"so?"
		"\"}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}]}",
		"{\"model\":\"" S45
		"\",\"max_tokens\":9000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":"
		"\"w\",\"input\":{}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\","
		"\"content\":\"r\"}]},"
		"{\"role\":\"assistant\",\"content\":\"ho\"},{\"role\":\"user\",\"content\":\"so?"
		"\"}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],"
		"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}",
		"", NULL },
	{ "a turn that began without thinking goes on so", S45,
		"{\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"
		"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
		"\"content\":["
		"{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"w\",\"input\":{}}]},{\"role\":"
		"\"user\","
		"\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":\"r\"}]}]"
		","
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}]}",
		"{\"model\":\"" S45
		"\",\"max_tokens\":9000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":"
		"\"w\",\"input\":{}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\","
		"\"content\":\"r\"}]}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}]}",
		"", NULL },
	/* sampling */
	{ "one sampler only", S45, "{\"max_tokens\":100,\"temperature\":0.2,\"top_p\":0.9," HI "}",
		M(S45) HI ",\"temperature\":0.2}", "top_p", NULL },
	{ "both where both go", OLD,
		"{\"max_tokens\":100,\"temperature\":0.2,\"top_p\":0.9," HI "}",
		M(OLD) HI ",\"temperature\":0.2,\"top_p\":0.9}", "", NULL },
	{ "a top_p of 1 says nothing", S45,
		"{\"max_tokens\":100,\"temperature\":1.7,\"top_p\":1," HI "}",
		M(S45) HI ",\"temperature\":1}", "", NULL },
	{ "no samplers", O47,
		"{\"max_tokens\":100,\"temperature\":0.2,\"top_p\":0.9,\"top_k\":4," HI "}",
		M(O47) HI "}", "temperature,top_p,top_k", NULL },
	{ "the defaults are fine", O47,
		"{\"max_tokens\":100,\"temperature\":1.0,\"top_p\":0.99," HI "}", M(O47) HI "}", "",
		NULL },
	{ "with thinking", S45,
		"{\"max_tokens\":9000,\"temperature\":0.2,\"top_k\":4,\"thinking\":{\"type\":"
		"\"enabled\","
		"\"budget_tokens\":2000}," HI "}",
		"{\"model\":\"" S45 "\",\"max_tokens\":9000," HI
		",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}",
		"temperature,top_k", NULL },
	{ "stops of white space", S45, "{\"max_tokens\":100,\"stop_sequences\":[\"\\n\"]," HI "}",
		M(S45) HI "}", "stop (one of white space only)", NULL },
	/* what is wrong with a request */
	{ "no messages", S45, "{\"max_tokens\":1}", NULL, "",
		"the request must be an object with \"messages\"" },
	{ "no turn", S45, "{\"messages\":[],\"system\":\"s\"}", NULL, "",
		"messages has no text, image or result of a user, which this model's API needs" },
	{ "a role", S45, "{\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}", NULL, "",
		"messages[0].role must be \"user\" or \"assistant\"" },
	{ "a block in the wrong place", S45,
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"thinking\","
		"\"thinking\":\"\"}]}]}",
		NULL, "",
		"messages[0].content: a block of type \"thinking\" cannot stand in this place" },
	{ "a block without its text", S45,
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}", NULL, "",
		"messages[0].content: a block's \"text\" must be a string" },
	{ "input", S45,
		"{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
		"\"1\","
		"\"name\":\"w\",\"input\":\"{}\"}]}]}",
		NULL, "", "messages[0].content: a tool_use's \"input\" must be an object" },
	{ "warming", S45, "{\"max_tokens\":0," HI "}", NULL, "",
		"max_tokens: 0 only warms a cache, which another API does not know; name at least "
		"1" },
	{ "a limit", S45, "{\"max_tokens\":-1," HI "}", NULL, "",
		"max_tokens must be a whole number" },
	{ "a tool's name", S45,
		"{\"max_tokens\":1," HI ",\"tools\":[{\"name\":\"a.b\",\"input_schema\":{}}]}",
		NULL, "",
		"the tool's name \"a.b\" cannot go to this model's API, which takes 1 to 128 of "
		"A-Z, a-z, "
		"0-9, _ and -" },
	{ "a choice", S45, "{\"max_tokens\":1," HI ",\"tool_choice\":{\"type\":\"tool\"}}", NULL,
		"", "tool_choice of type \"tool\" needs a \"name\"" },
	{ "an effort", S45, "{\"max_tokens\":1," HI ",\"output_config\":{\"effort\":\"minimal\"}}",
		NULL, "",
		"output_config.effort must be \"low\", \"medium\", \"high\", \"xhigh\" or "
		"\"max\"" },
};

START_TEST(request)
{
	const struct request_row *r = &requests[_i];
	struct chat_request rq;
	struct chat_unit u;
	int rc;

	chat_unit_init(&u, r->model);
	rc = chat_unit_request(&u, AN, AN, r->in, &rq);
	ck_assert_msg(strcmp(u.cx.fail, r->fail != NULL ? r->fail : "") == 0,
		"%s: fails with \"%s\"", r->what, u.cx.fail);
	ck_assert_int_eq(rc, r->fail != NULL ? -1 : 0);
	if (rc == 0)
		ck_assert_msg(strcmp(u.text, r->out) == 0, "%s: got\n%s\nnot\n%s", r->what, u.text,
			r->out);
	ck_assert_msg(strcmp(chat_unit_unsupported(&u), r->unsupported) == 0, "%s: notes \"%s\"",
		r->what, chat_unit_unsupported(&u));
	chat_unit_fini(&u);
}
END_TEST

/* What only clients of other dialects ask for. */
static const struct hub_row {
	const char *what, *model, *unsupported, *tail;
	struct chat_request rq;
} hubs[] = {
	{ "nothing", S45, "", "", { 0 } },
	{ "n, seed, penalties, logprobs", S45,
		"n,seed,presence_penalty,frequency_penalty,logprobs,top_logprobs", "",
		{ .n = STR("2"),
			.seed = STR("1"),
			.presence_penalty = STR("0.1"),
			.frequency_penalty = STR("-1"),
			.logprobs = true,
			.top_logprobs = STR("2") } },
	{ "what changes nothing", S45, "", "",
		{ .n = STR("1"), .presence_penalty = STR("0"), .frequency_penalty = STR("0.0") } },
	{ "JSON without a schema", S45, "response_format", "", { .format = FORMAT_JSON } },
	{ "tiers", S45, "", ",\"service_tier\":\"standard_only\"", { .tier = STR("default") } },
	{ "other tiers", S45, "service_tier", "", { .tier = STR("flex") } },
	{ "effort", O47, "",
		",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}",
		{ .effort = EFFORT_MINIMAL } },
	{ "effort none", O47, "", "", { .effort = EFFORT_NONE } },
	{ "effort none where it thinks unasked", O5, "", ",\"thinking\":{\"type\":\"disabled\"}",
		{ .effort = EFFORT_NONE } },
	{ "effort none where it always thinks", O55, "thinking", "", { .effort = EFFORT_NONE } },
	{ "effort as a budget", S45, "",
		",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":16384}",
		{ .effort = EFFORT_HIGH } },
	{ "effort at a model that does not think", OLD, "reasoning_effort", "",
		{ .effort = EFFORT_HIGH } },
	{ "hardly any", OLD, "", "", { .effort = EFFORT_MINIMAL } },
};

START_TEST(hub)
{
	const struct hub_row *r = &hubs[_i];
	struct chat_part part = { .kind = PART_TEXT, .text = STR("hi") };
	struct chat_turn turn = { .role = CHAT_USER, .part = &part };
	struct chat_request rq = r->rq;
	struct chat_unit u;
	char want[512];
	int rc = 0;

	rq.turn = &turn;
	rq.think = rq.parallel = -1;
	rq.max_tokens = 30000;
	chat_unit_init(&u, r->model);
	CHAT_UNIT_WRITE(&u, rc = AN->write_request(&u.cx, &rq, o));
	ck_assert_int_eq(rc, 0);
	snprintf(want, sizeof want, "{\"model\":\"%s\",\"max_tokens\":%d," HI "%s}", r->model,
		strcmp(r->model, OLD) == 0 ? 4096 : 30000, r->tail);
	CHAT_UNIT_TEXT(&u, want);
	ck_assert_str_eq(chat_unit_unsupported(&u), r->unsupported);
	chat_unit_fini(&u);
}
END_TEST

START_TEST(hub_parts)
{
	struct chat_part text = { .kind = PART_FILE,
		.mime = STR("text/markdown;charset=utf-8"),
		.data = STR("w6TDtiBhbmQgIng\\/Ig=="),
		.filename = STR("n.md") };
	struct chat_part pdf = { .kind = PART_FILE, .data = STR("JVBERi0x"), .next = &text };
	struct chat_part audio = { .kind = PART_AUDIO, .data = STR("AA"), .next = &pdf };
	struct chat_part video = { .kind = PART_VIDEO, .url = STR("u"), .next = &audio };
	struct chat_part zip = { .kind = PART_FILE,
		.mime = STR("application/zip"),
		.data = STR("UEs"),
		.next = &video };
	struct chat_turn turn = { .role = CHAT_USER, .part = &zip };
	struct chat_request rq = { .turn = &turn, .think = -1, .parallel = 0, .max_tokens = 5 };
	struct chat_tool tool = { .name = STR("w"), .schema = STR("{}"), .strict = 0 };
	struct chat_unit u;
	int rc = 0;

	rq.tool = &tool;
	chat_unit_init(&u, S45);
	CHAT_UNIT_WRITE(&u, rc = AN->write_request(&u.cx, &rq, o));
	ck_assert_int_eq(rc, 0);
	CHAT_UNIT_TEXT(&u,
		"{\"model\":\"" S45
		"\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":["
		"{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
		"\"application/pdf\","
		"\"data\":\"JVBERi0x\"}},"
		"{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/"
		"plain\","
		"\"data\":\"\303\244\303\266 and \\\"x?\\\"\"},\"title\":\"n.md\"}]}],"
		"\"tools\":[{\"name\":\"w\",\"input_schema\":{}}],"
		"\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}");
	ck_assert_str_eq(chat_unit_unsupported(&u),
		"messages[].content[].file (PDF and text only),messages[].content[].video,"
		"messages[].content[].audio");
	chat_unit_fini(&u);
}
END_TEST

START_TEST(hub_values)
{
	struct chat_request rq;
	struct chat_unit u;

	chat_unit_init(&u, S45);
	ck_assert_int_eq(AN->read_request(&u.cx,
				 chat_unit_parse(&u.arena, "{" HI ",\"max_tokens\":1e2}"), &rq),
		0);
	ck_assert(rq.max_tokens == 100 && rq.think == -1 && rq.parallel == -1 && rq.stream_usage);
	ck_assert_int_eq(
		AN->read_request(&u.cx,
			chat_unit_parse(&u.arena,
				"{" HI
				",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1500},"
				"\"tool_choice\":{\"type\":\"auto\","
				"\"disable_parallel_tool_use\":false}}"),
			&rq),
		0);
	ck_assert(rq.think == 1 && rq.think_budget == 1500 && rq.think_show && rq.parallel == 1);
	/* What is held for the answer is never passed, whatever is asked for. */
	u.cx.most_tokens = 1200;
	CHAT_UNIT_WRITE(&u, ck_assert_int_eq(AN->write_request(&u.cx, &rq, o), 0));
	ck_assert_ptr_nonnull(strstr(u.text, "\"max_tokens\":1200,"));
	ck_assert_ptr_nonnull(strstr(u.text, "\"budget_tokens\":1024}"));
	u.cx.most_tokens = 0;
	u.cx.default_max_tokens = 77;
	rq.think = -1;
	CHAT_UNIT_WRITE(&u, ck_assert_int_eq(AN->write_request(&u.cx, &rq, o), 0));
	ck_assert_ptr_nonnull(strstr(u.text, "\"max_tokens\":77,"));
	chat_unit_fini(&u);
}
END_TEST

/* ---- answers */

#define USAGE                                                               \
	"\"usage\":{\"input_tokens\":12,\"cache_creation_input_tokens\":0," \
	"\"cache_read_input_tokens\":0,\"output_tokens\":3}"
#define ANSWER(content, reason, seq)                                                            \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","        \
	"\"content\":[" content "],\"stop_reason\":" reason ",\"stop_sequence\":" seq "," USAGE \
	"}"

static const struct answer_row {
	const char *in, *out; /* out NULL: the same */
} answers[] = {
	{ ANSWER("{\"type\":\"text\",\"text\":\"a\\u00e9\\n\"}", "\"end_turn\"", "null"), NULL },
	{ ANSWER("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\\/==\"},"
		 "{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
		 "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"w\",\"input\":{\"a\": [1]}}",
		  "\"tool_use\"", "null"),
		NULL },
	{ ANSWER("{\"type\":\"text\",\"text\":\"a\"}", "\"stop_sequence\"", "\"END\""), NULL },
	{ ANSWER("", "\"max_tokens\"", "null"), NULL },
	{ ANSWER("", "\"pause_turn\"", "null"), NULL },
	{ ANSWER("", "\"model_context_window_exceeded\"", "null"),
		ANSWER("", "\"max_tokens\"", "null") },
	{ ANSWER("", "\"compaction\"", "null"), ANSWER("", "\"pause_turn\"", "null") },
	{ ANSWER("", "\"something_new\"", "null"), ANSWER("", "\"end_turn\"", "null") },
	{ ANSWER("{\"type\":\"server_tool_use\",\"id\":\"x\",\"name\":\"web_search\",\"input\":{}},"
		 "{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"a\","
		 "\"citations\":[]}",
		  "\"end_turn\"", "null"),
		ANSWER("{\"type\":\"text\",\"text\":\"a\"}", "\"end_turn\"", "null") },
	/* providers.md 5.3: the reason for a refusal is all there is */
	{ "{\"id\":\"msg_1\",\"model\":\"m\",\"content\":[],\"stop_reason\":\"refusal\",\"stop_"
	  "details\":"
	  "{\"type\":\"refusal\",\"explanation\":\"no\"}," USAGE "}",
		ANSWER("{\"type\":\"text\",\"text\":\"no\"}", "\"refusal\"", "null") },
	/* usage: the cache is beside input_tokens, and what was written for an hour is told apart
	 */
	{ "{\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,"
	  "\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":200,\"cache_creation\":"
	  "{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20},\"output_tokens\":9,"
	  "\"output_tokens_details\":{\"thinking_tokens\":4},\"server_tool_use\":"
	  "{\"web_search_requests\":2},\"service_tier\":\"standard\"}}",
		"{\"id\":\"id_of_ours\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
		"\"x\","
		"\"content\":[],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{"
		"\"input_tokens\":1,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":"
		"200,"
		"\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_"
		"tokens\":20},"
		"\"output_tokens\":9,\"output_tokens_details\":{\"thinking_tokens\":4},"
		"\"server_tool_use\":{\"web_search_requests\":2}}}" },
	/* passes: compaction counts, a fallback's top level stands */
	{ "{\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"iterations\":["
	  "{\"type\":\"compaction\",\"input_tokens\":100,\"output_tokens\":10},"
	  "{\"type\":\"message\",\"input_tokens\":20,\"output_tokens\":5,\"cache_read_input_"
	  "tokens\":3},"
	  "{\"type\":\"advisor_message\",\"input_tokens\":7000,\"output_tokens\":7000}]}}",
		"{\"id\":\"id_of_ours\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
		"\"x\","
		"\"content\":[],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{"
		"\"input_tokens\":120,\"cache_creation_input_tokens\":0,\"cache_read_input_"
		"tokens\":3,"
		"\"output_tokens\":15}}" },
};

START_TEST(answer)
{
	const struct answer_row *r = &answers[_i];
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_answer(&u, AN, AN, r->in), 0);
	CHAT_UNIT_TEXT(&u, r->out != NULL ? r->out : r->in);
	chat_unit_fini(&u);
}
END_TEST

/* Recorded answers: what is said in them, and the exact usage. */
static const struct recording {
	const char *file, *parts, *finish;
	uint64_t input, output, reasoning;
} recordings[] = {
	{ "anthropic-text.json", "t", "end_turn", 12, 29, 0 },
	{ "anthropic-claude-opus-5-reasoning-high.1.json", "?t", "end_turn", 51, 1699, 139 },
	{ "anthropic-fallback.json", "t", "end_turn", 412, 264, 0 },
	{ "anthropic-refusal.json", "R", "refusal", 18, 5, 0 },
};

START_TEST(recorded)
{
	const struct recording *r = &recordings[_i];
	char *text = chat_unit_recording(r->file), parts[16];
	struct chat_answer a = { 0 };
	struct chat_unit u;
	size_t n = 0;

	if (text == NULL)
		return;
	chat_unit_init(&u, "x");
	ck_assert_int_eq(AN->read_answer(&u.cx, chat_unit_parse(&u.arena, text), &a), 0);
	for (const struct chat_part *p = a.choice[0].part; p != NULL; p = p->next)
		parts[n++] = p->kind == PART_TEXT ? 't' : p->kind == PART_REFUSAL ? 'R' : '?';
	UNIT_STR_EQ(str_mk(parts, n), str_z(r->parts));
	ck_assert_str_eq(anthropic_stop_reason(a.choice[0].finish), r->finish);
	ck_assert_uint_eq(usage_input(&a.usage), r->input);
	ck_assert_uint_eq(usage_output(&a.usage), r->output);
	ck_assert_uint_eq(a.reasoning, r->reasoning);
	free(text);
	chat_unit_fini(&u);
}
END_TEST

START_TEST(answer_of_something_else)
{
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_answer(&u, AN, AN, "{\"choices\":[]}"), -1);
	ck_assert_str_eq(u.cx.fail, "the provider's answer is no message: it has no \"content\"");
	chat_unit_fini(&u);
}
END_TEST

/* Other providers' answers: cached input within buckets of every kind, no finish, an error's. */
START_TEST(answer_of_hub)
{
	struct chat_part part = { .kind = PART_REFUSAL, .text = STR("no") };
	struct chat_answer a = { .n_choices = 2 };
	struct chat_unit u;

	a.choice[0].part = &part;
	a.choice[0].finish = FINISH_ERROR;
	a.usage.source = USAGE_PROVIDER;
	a.usage.n[USAGE_IN] = 5;
	a.usage.n[USAGE_IN_AUDIO] = 6;
	a.usage.n[USAGE_IN_AUDIO_CACHE_READ] = 7;
	a.usage.n[USAGE_IN_CACHE_WRITE] = 8;
	a.usage.n[USAGE_OUT] = 1;
	a.usage.n[USAGE_OUT_REASONING] = 2;
	chat_unit_init(&u, "x");
	CHAT_UNIT_WRITE(&u, AN->write_answer(&u.cx, &a, o));
	CHAT_UNIT_TEXT(&u,
		"{\"id\":\"id_of_ours\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
		"\"x\","
		"\"content\":[{\"type\":\"text\",\"text\":\"no\"}],\"stop_reason\":\"refusal\","
		"\"stop_sequence\":null,\"usage\":{\"input_tokens\":11,\"cache_creation_input_"
		"tokens\":8,"
		"\"cache_read_input_tokens\":7,\"output_tokens\":3,\"output_tokens_details\":"
		"{\"thinking_tokens\":2}}}");
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
	{ 529,
		"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
		"\"O\\\"\"},"
		"\"request_id\":\"r\"}",
		529,
		"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
		"\"O\\\"\"}}" },
	{ 429, "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
		429,
		"{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}"
		"}" },
	{ 429, "[{\"error\":{\"code\":429,\"message\":\"m\"}}]", 429,
		"{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}"
		"}" },
	{ 403, "{\"Message\":\"m\",\"__type\":\"AccessDeniedException\"}", 403,
		"{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"m\"}"
		"}" },
	{ 422, "{\"error\":\"text\"}", 422,
		"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
		"\"text\"}}" },
	{ 503, "{}", 503,
		"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"The "
		"provider gave no reason.\"}}" },
	{ 502, "[]", 502,
		"{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"The provider "
		"gave no reason.\"}}" },
	{ 404, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"}}", 404,
		"{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"m\"}}" },
	{ 0, "{\"error\":{\"type\":\"billing_error\",\"message\":\"m\"}}", 402,
		"{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"m\"}}" },
};

START_TEST(error)
{
	const struct error_row *r = &errors[_i];
	struct chat_unit u;

	chat_unit_init(&u, "x");
	ck_assert_int_eq(chat_unit_error(&u, AN, AN, r->status, r->in), r->want);
	CHAT_UNIT_TEXT(&u, r->out);
	chat_unit_fini(&u);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, request, 0, (int)TG_ARRAY_LEN(requests));
	tcase_add_loop_test(tc, hub, 0, (int)TG_ARRAY_LEN(hubs));
	tcase_add_test(tc, hub_parts);
	tcase_add_test(tc, hub_values);
	tcase_add_loop_test(tc, answer, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_loop_test(tc, recorded, 0, (int)TG_ARRAY_LEN(recordings));
	tcase_add_test(tc, answer_of_something_else);
	tcase_add_test(tc, answer_of_hub);
	tcase_add_loop_test(tc, error, 0, (int)TG_ARRAY_LEN(errors));
}

UNIT_MAIN("anthropic", tests)
