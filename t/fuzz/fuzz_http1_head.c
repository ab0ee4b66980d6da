/*
 * fuzz_http1_head.c: a head whole and byte by byte must end the same way; what is parsed lies
 * inside the input and keeps the promises of http1_head.h.
 */
#include <stdlib.h>

#include "proto/http1_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(const struct http_head *h, size_t n)
{
	tg_assert(h->n_fields <= HTTP_MAX_FIELDS && h->head_len == n);
	tg_assert((size_t)h->target + h->target_len <= n);
	tg_assert((size_t)h->method_off + h->method_len <= n);
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct str name = http_field_name(h, i), value = http_field_value(h, i);

		tg_assert(name.n > 0 && value.p + value.n <= h->base + n);
		tg_assert(http_name_of_token(name.p, name.n) == h->field[i].id);
		tg_assert(memchr(name.p, ' ', name.n) == NULL);
		tg_assert(value.n == 0 || (memchr(value.p, '\r', value.n) == NULL &&
						  memchr(value.p, '\n', value.n) == NULL &&
						  memchr(value.p, '\0', value.n) == NULL));
		tg_assert(str_eq(str_trim(value), value));
	}
	for (unsigned id = 1; id < HTTP_N__MAX; id++)
		if (h->first[id] != 0)
			tg_assert(h->field[h->first[id] - 1].id == id);
	tg_assert(h->framing != HTTP_BODY_CHUNKED || h->first[HTTP_N_CONTENT_LENGTH] == 0);
	tg_assert(h->content_length <= INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	enum http_error whole_err = HTTP_E_NONE, err = HTTP_E_NONE;
	size_t resume = 0, max = 2048;
	long whole = http1_head_end(p, size, &resume, max, &whole_err), end = 0;
	struct http_head h;
	char *copy;

	resume = 0;
	for (size_t n = 0; n <= size && end == 0; n++)
		end = http1_head_end(p, n, &resume, max, &err);
	tg_assert(end == whole || (end == -1 && whole == -1));
	if (whole <= 0)
		return 0;
	copy = malloc((size_t)whole);
	tg_assert(copy != NULL);
	memcpy(copy, p, (size_t)whole);
	if (http1_request_parse(copy, (size_t)whole, &h, &err) == 0) {
		check_head(&h, (size_t)whole);
		tg_assert(h.framing != HTTP_BODY_EOF && h.target_len > 0);
	} else {
		tg_assert(err != HTTP_E_NONE && http_error_status(err) >= 400);
	}
	if (http1_response_parse(copy, (size_t)whole, HTTP_M_GET, &h, &err) == 0) {
		check_head(&h, (size_t)whole);
		tg_assert(h.status >= 100 && h.status <= 599);
	}
	free(copy);
	return 0;
}
