/*
 * responses.c: the codec of OpenAI's Responses API, as a client's dialect and as a target's.
 */
#include "chat/responses_int.h"

const struct chat_codec chat_codec_responses = {
	.name = "responses",
	.read_request = responses_read_request,
	.write_answer = responses_write_answer,
	.out_open = responses_out_open,
	.write_event = responses_write_event,
	.write_error = openai_write_error,
	.write_request = responses_write_request,
	.read_answer = responses_read_answer,
	.in_open = responses_in_open,
	.read_event = responses_read_event,
	.read_end = responses_read_end,
	.read_error = openai_read_error,
};
