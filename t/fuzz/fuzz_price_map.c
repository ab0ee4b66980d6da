/*
 * fuzz_price_map.c: any bytes as a LiteLLM price map, and as corrections. Either an error with a
 * text, or a price file that loads; and no model of the map is dropped in silence.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/prices_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_result(struct import *im, bool corrected)
{
	char err[512] = "", *text = import_render(im, "note");
	struct pricebook *b = pricebook_parse(str_z(text), "f", err, sizeof err);

	/* a person's correction may say what no price file can */
	if (b == NULL && !corrected) {
		fprintf(stderr, "%s\n%s\n", err, text);
		abort();
	}
	pricebook_free(b);
	free(text);
}

static void check_all_told(const struct import *im)
{
	for (size_t i = 0; i < im->n; i++)
		tg_assert(im->v[i].state != IMPORT_REFUSED || im->v[i].why[0] != '\0');
}

static void convert(struct str map, struct str corrections)
{
	char err[512] = "";
	struct import im;
	FILE *f;

	import_init(&im);
	im.source = "s";
	im.date = "2026-08-01";
	if (import_litellm(&im, map, err, sizeof err) != 0) {
		tg_assert(err[0] != '\0');
		import_fini(&im);
		return;
	}
	import_complete(&im);
	import_merge(&im);
	if (import_finish(&im, corrections, "c", err, sizeof err) == 0) {
		check_all_told(&im);
		check_result(&im, corrections.p != NULL);
		f = fopen("/dev/null", "w");
		tg_assert(f != NULL);
		import_report(&im, f);
		fclose(f);
	} else {
		tg_assert(err[0] != '\0');
	}
	import_fini(&im);
}

/* A map, and behind a NUL byte corrections to it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *nul = memchr(data, 0, size);
	size_t n = nul != NULL ? (size_t)(nul - (const char *)data) : size;

	convert(str_mk((const char *)data, n),
		nul != NULL ? str_mk(nul + 1, size - n - 1) : STR_NONE);
	return 0;
}
