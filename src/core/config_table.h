/*
 * config_table.h: what the directive tables have in common: where a value goes, and sizes and times
 * as bounds are written. For src/core/config_*.c alone.
 */
#ifndef TG_CORE_CONFIG_TABLE_H
#define TG_CORE_CONFIG_TABLE_H

#include <stddef.h>

#include "core/config.h"
#include "core/config_check.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define POS_OF(type)     .pos_offset_plus1 = offsetof(struct type, pos) + 1

/* A row of the tables that several structs have in common (tbl/x_directives.h), for one of them. */
#define DIRECTIVE(type_, name_, conf_, member_, ...) \
	{ .name = #name_, .type = CONF_##conf_, AT(type_, member_), __VA_ARGS__ },

#define CONFIG_MAX_TOKENS 1000000000 /* of `max_tokens` */

#define MS                INT64_C(1000)
#define SEC               (1000 * MS)
#define MINUTE            (60 * SEC)
#define HOUR              (60 * MINUTE)
#define DAY               (24 * HOUR)
#define KB                INT64_C(1024)
#define MB                (1024 * KB)
#define GB                (1024 * MB)

#endif
