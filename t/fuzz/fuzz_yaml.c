/*
 * fuzz_yaml.c: any bytes as a configuration. Either an error with a text, or a configuration whose
 * dump loads and dumps to the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "core/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dump(const struct config *config, size_t *n)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, n);

	tg_assert(f != NULL);
	conf_dump(f, &config_root, config);
	tg_assert(fclose(f) == 0);
	return text;
}

static void check_again(const struct config *config)
{
	struct conf_error err = { "" };
	struct config again;
	struct arena arena;
	char *first, *second;
	size_t n, m;

	first = dump(config, &n);
	arena_init(&arena, NULL, 0);
	if (conf_load_text(str_mk(first, n), "dump", &config_root, &arena, &again, &err) != 0) {
		fprintf(stderr, "%s\n%.*s\n", err.text, (int)n, first);
		abort();
	}
	second = dump(&again, &m);
	tg_assert(str_eq(str_mk(first, n), str_mk(second, m)));
	arena_fini(&arena);
	free(first);
	free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_error err = { "" };
	struct config config;
	struct arena arena;

	log_threshold = LOG_L_ERROR;
	arena_init(&arena, NULL, 64u << 20);
	if (conf_load_text(str_mk((const char *)data, size), "fuzz", &config_root, &arena, &config,
		    &err) == 0)
		check_again(&config);
	else
		tg_assert(err.text[0] != '\0');
	arena_fini(&arena);
	return 0;
}
