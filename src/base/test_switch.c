/*
 * test_switch.c: see test_switch.h. Empty but in test builds.
 */
#include "base/test_switch.h"

#ifdef TG_TEST_SWITCHES

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/defs.h"

static const char *const names[] = {
#define X(id, name, without) name,
#include "base/tbl/test_switches.h"
#undef X
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool off[TEST__MAX];
static struct str lua;

static void leave_out(struct str name)
{
	for (unsigned i = 0; i < TEST__MAX; i++) {
		if (!str_eq(name, str_z(names[i])))
			continue;
		off[i] = true;
		fprintf(stderr, "TEST BUILD: without %s\n", names[i]);
		return;
	}
	fprintf(stderr, "TG_TEST_OFF: there is no rule `%.*s`\n", STR_FMT(name));
	exit(2);
}

static void read_lua(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;
	ssize_t n = f != NULL ? getdelim(&text, &cap, '\0', f) : -1;

	if (n < 0) {
		fprintf(stderr, "TG_TEST_LUA: %s cannot be read\n", path);
		exit(2);
	}
	(void)fclose(f);
	lua = str_mk(text, (size_t)n);
	fprintf(stderr, "TEST BUILD: with %s\n", path);
}

static void look(void)
{
	const char *list = getenv("TG_TEST_OFF"), *path = getenv("TG_TEST_LUA");

	while (list != NULL && *list != '\0') {
		size_t n = strcspn(list, ",");

		leave_out(str_mk(list, n));
		list += n + (list[n] == ',');
	}
	if (path != NULL)
		read_lua(path);
}

bool test_off(enum test_switch rule)
{
	(void)pthread_once(&once, look);
	tg_assert(rule < TEST__MAX);
	return off[rule];
}

struct str test_lua(struct str otherwise)
{
	(void)pthread_once(&once, look);
	return lua.n > 0 ? lua : otherwise;
}

#endif
