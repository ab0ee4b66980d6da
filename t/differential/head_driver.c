/*
 * head_driver.c: our side of the differential test heads.mjs. Reads heads from standard input, each
 * behind its length as 32 bits little-endian, and prints a line for each: "-" and the reason when
 * refused, else
 * "+ method-or-status minor framing length keep-alive fields hash-of-fields target".
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/http1_head.h"

static uint32_t hash_bytes(uint32_t h, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 16777619u;
	return h;
}

static void print_head(const struct http_head *h)
{
	static const char *const framing[] = { "none", "length", "chunked", "eof" };
	uint32_t hash = 2166136261u;

	for (unsigned i = 0; i < h->n_fields; i++) {
		hash = hash_bytes(hash, http_field_name(h, i));
		hash = hash_bytes(hash, STR(":"));
		hash = hash_bytes(hash, http_field_value(h, i));
		hash = hash_bytes(hash, STR("\n"));
	}
	if (h->status != 0)
		printf("+ %u", h->status);
	else
		printf("+ %.*s", STR_FMT(http_method_text(h)));
	printf(" %u %s %llu %d %u %08x %.*s\n", h->minor, framing[h->framing],
		h->framing == HTTP_BODY_LENGTH ? (unsigned long long)h->content_length : 0,
		h->keep_alive, h->n_fields, hash, STR_FMT(http_target(h)));
}

/* The whole of p[0..n) must be one head, as it is for the other parser. */
static void judge(const char *p, size_t n, bool response)
{
	enum http_error err = HTTP_E_NONE;
	struct http_head h;
	size_t resume = 0;
	long end = http1_head_end(p, n, &resume, HTTP_MAX_HEAD, &err);
	int rc = -1;

	if (end == 0 || (end > 0 && (size_t)end != n)) {
		printf("- the head does not end with the input\n");
		return;
	}
	if (end > 0)
		rc = response ? http1_response_parse(p, n, HTTP_M_GET, &h, &err)
			      : http1_request_parse(p, n, &h, &err);
	if (rc == 0)
		print_head(&h);
	else
		printf("- %s\n", http_error_text(err));
}

int main(int argc, char **argv)
{
	bool response = argc > 1 && strcmp(argv[1], "response") == 0;
	uint8_t len[4];

	while (fread(len, 1, sizeof(len), stdin) == sizeof(len)) {
		size_t n =
			len[0] | (size_t)len[1] << 8 | (size_t)len[2] << 16 | (size_t)len[3] << 24;
		char *p = malloc(n != 0 ? n : 1);

		if (p == NULL || fread(p, 1, n, stdin) != n) {
			fprintf(stderr, "head_driver: short input\n");
			return 1;
		}
		judge(p, n, response);
		free(p);
	}
	return 0;
}
