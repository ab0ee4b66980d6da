/*
 * conf_print.c: what the directive tables print, without the gateway: the reference page, the JSON
 * Schema, or a configuration file as it was understood.
 */
#include <stdio.h>
#include <string.h>

#include "core/config.h"

static int dump(const char *path)
{
	struct conf_error err;
	struct config config;
	struct arena arena;
	int rc;

	arena_init(&arena, NULL, 0);
	rc = conf_load_file(path, &config_root, &arena, &config, &err);
	if (rc == 0)
		conf_dump(stdout, &config_root, &config);
	else
		fprintf(stderr, "%s\n", err.text);
	arena_fini(&arena);
	return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "reference") == 0)
		conf_reference(stdout, &config_root);
	else if (argc == 2 && strcmp(argv[1], "schema") == 0)
		conf_schema(stdout, &config_root, "tollgate.yaml");
	else if (argc == 3 && strcmp(argv[1], "dump") == 0)
		return dump(argv[2]);
	else {
		fprintf(stderr, "usage: conf_print reference|schema|dump FILE\n");
		return 2;
	}
	return 0;
}
