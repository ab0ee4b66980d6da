/*
 * tables.h: what the tests of tollgate's own tables share: a configuration from text, and what is
 * printed of it.
 */
#ifndef TG_UNIT_CONF_TABLES_H
#define TG_UNIT_CONF_TABLES_H

#include "unit/unit.h"

#include <stdio.h>

#include "core/config.h"

static struct arena arena;
static struct conf_error err;
static struct config config;

static inline int load(const char *yaml)
{
	return conf_load_text(str_z(yaml), "t.yaml", &config_root, &arena, &config, &err);
}

static inline char *print(void (*put)(FILE *))
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(f);
	put(f);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

static inline void put_dump(FILE *f)
{
	conf_dump(f, &config_root, &config);
}

static inline void put_schema(FILE *f)
{
	conf_schema(f, &config_root, "tollgate.yaml");
}

#endif
