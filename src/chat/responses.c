/*
 * responses.c: the codec of OpenAI's Responses API, as a client's dialect. Targets that have it are
 * asked in it natively.
 */
#include "chat/responses_int.h"

const struct chat_codec chat_codec_responses = {
	.name = "responses",
	.read_request = responses_read_request,
	.write_answer = responses_write_answer,
	.out_open = responses_out_open,
	.write_event = responses_write_event,
	.write_error = openai_write_error,
};
