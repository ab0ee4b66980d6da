/*
 * openai.c: the codec of OpenAI's chat completions, which many others speak: as a client's dialect
 * and as a provider's.
 */
#include "chat/openai_int.h"

const struct chat_codec chat_codec_openai = {
	.name = "openai",
	.read_request = openai_read_request,
	.write_answer = openai_write_answer,
	.out_open = openai_out_open,
	.write_event = openai_write_event,
	.write_error = openai_write_error,
	.write_request = openai_write_request,
	.read_answer = openai_read_answer,
	.in_open = openai_in_open,
	.read_event = openai_read_event,
	.read_end = openai_read_end,
	.read_error = openai_read_error,
};
