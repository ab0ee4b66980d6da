/*
 * redis_script.c: see redis_script.h.
 *
 *	load   functions: FUNCTION LIST .. WITHCODE --differs--> FUNCTION LOAD REPLACE
 *	                                  --refused--> as a script
 *	       script:    SCRIPT LOAD, whose answer is the hash for EVALSHA
 *	call   FCALL or EVALSHA --the server has not got it--> load, once more
 */
#include "redis/redis_script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "redis/redis_int.h"

#define SHA1_HEX 40

struct redis_script {
	char *copy;
	struct str text, eval_text; /* whole; without its first line */
	struct str library;
	char sha[SHA1_HEX + 1]; /* of eval_text, once a server has said it */
};

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* "#!lua name=tgq" */
static struct str library_of(struct str line)
{
	size_t at = str_find(line, STR(" name="));
	struct str name;

	if (!str_starts(line, STR("#!")) || at == (size_t)-1)
		return STR_NONE;
	name = str_skip(line, at + 6);
	for (size_t i = 0; i < name.n; i++)
		if (!is_name_char(name.p[i]))
			name.n = i;
	return name;
}

struct redis_script *redis_script_new(struct str text)
{
	size_t end = str_chr(text, '\n');
	struct redis_script *s;

	if (end == (size_t)-1 || library_of(str_mk(text.p, end)).n == 0)
		return NULL;
	s = calloc(1, sizeof *s);
	tg_assert(s != NULL);
	s->copy = str_dup(text);
	s->text = str_mk(s->copy, text.n);
	s->eval_text = str_skip(s->text, end + 1);
	s->library = library_of(str_mk(s->copy, end));
	return s;
}

void redis_script_free(struct redis_script *s)
{
	free(s->copy);
	free(s);
}

static bool as_function(const struct redis_node *n)
{
	return n->conn.server.version >= REDIS_VERSION(7, 0) && !n->no_functions;
}

/* ---- loading */

struct load {
	struct redis_script *s;
	struct redis_node *n;
	uint64_t generation;
	int64_t timeout_us;
	redis_script_done_f *done;
	void *arg;
};

static void load_end(struct load *l, const char *what, const struct redis_value *v, const char *why)
{
	struct load copy = *l;
	char text[192];

	free(l);
	if (v != NULL && v->kind == REDIS_ERROR)
		snprintf(text, sizeof text, "%s: %.*s", what, (int)TG_MIN(v->text.n, (size_t)150),
			v->text.p);
	else if (why != NULL)
		snprintf(text, sizeof text, "%s: %s", what, why);
	else
		text[0] = '\0';
	copy.done(text[0] != '\0' ? text : NULL, copy.arg);
}

static void load_send(struct load *l, const struct str *argv, size_t argc, redis_reply_f *f)
{
	if (l->generation != redis_node_generation(l->n) ||
		redis_node_call(l->n, argv, argc, l->timeout_us, f, l) != 0)
		load_end(l, "load", NULL, "not connected any more");
}

static void on_script_loaded(const struct redis_value *v, const char *why, void *arg)
{
	struct load *l = arg;

	if (v != NULL && v->kind == REDIS_STRING && v->text.n == SHA1_HEX) {
		memcpy(l->s->sha, v->text.p, SHA1_HEX);
		load_end(l, "", NULL, NULL);
		return;
	}
	if (v != NULL && v->kind != REDIS_ERROR)
		why = "the answer is no hash";
	load_end(l, "SCRIPT LOAD", v, why);
}

static int script_load_send(struct load *l)
{
	const struct str argv[] = { STR("SCRIPT"), STR("LOAD"), l->s->eval_text };

	return redis_node_call(l->n, argv, 3, l->timeout_us, on_script_loaded, l);
}

static bool load_as_script(struct load *l, const struct redis_value *v)
{
	/* Not allowed, or a server that has the version but not the command. */
	if (!redis_value_is_error(v, STR("NOPERM")) &&
		str_find(v->text, STR("unknown command")) == (size_t)-1)
		return false;
	l->n->no_functions = true;
	return script_load_send(l) == 0;
}

static void on_function_loaded(const struct redis_value *v, const char *why, void *arg)
{
	struct load *l = arg;

	if (v != NULL && v->kind == REDIS_ERROR && load_as_script(l, v))
		return;
	load_end(l, "FUNCTION LOAD", v, why);
}

/* [ [ "library_name", "tgq", ..., "library_code", "#!lua ..." ] ] */
static bool has_same_code(const struct redis_script *s, const struct redis_value *list)
{
	const struct redis_value *library = redis_value_at(list, 0);

	for (size_t i = 0; library->kind == REDIS_ARRAY && i + 1 < library->n_items; i += 2) {
		const struct redis_value *name = &library->items[i], *v = &library->items[i + 1];

		if (name->kind == REDIS_STRING && str_eq(name->text, STR("library_code")))
			return v->kind == REDIS_STRING && str_eq(v->text, s->text);
	}
	return false;
}

static void on_function_list(const struct redis_value *v, const char *why, void *arg)
{
	struct load *l = arg;
	const struct str argv[] = { STR("FUNCTION"), STR("LOAD"), STR("REPLACE"), l->s->text };

	if (v == NULL)
		load_end(l, "FUNCTION LIST", NULL, why);
	else if (v->kind == REDIS_ERROR && load_as_script(l, v))
		return;
	else if (has_same_code(l->s, v))
		load_end(l, "", NULL, NULL);
	else
		load_send(l, argv, 4, on_function_loaded);
}

int redis_script_load(struct redis_script *s, struct redis_node *n, int64_t timeout_us,
	redis_script_done_f *done, void *arg)
{
	const struct str list[] = { STR("FUNCTION"), STR("LIST"), STR("LIBRARYNAME"), s->library,
		STR("WITHCODE") };
	struct load *l = malloc(sizeof *l);
	int rc;

	tg_assert(l != NULL && done != NULL);
	*l = (struct load){ s, n, redis_node_generation(n), timeout_us, done, arg };
	rc = as_function(n) ? redis_node_call(n, list, 5, timeout_us, on_function_list, l)
			    : script_load_send(l);
	if (rc != 0)
		free(l);
	return rc;
}

/* ---- calls */

struct script_call {
	struct redis_script *s;
	struct redis_node *n;
	uint64_t generation;
	int64_t timeout_us;
	redis_reply_f *f;
	void *arg;
	bool again; /* it is the second time */
	size_t n_keys, n_args;
	struct str function;
	struct str words[]; /* keys, then arguments; their bytes are behind */
};

static void call_on_reply(const struct redis_value *v, const char *why, void *arg);

static int call_send(struct script_call *c)
{
	size_t n_words = c->n_keys + c->n_args, argc = 0;
	struct str *argv = malloc((n_words + 4) * sizeof *argv);
	char number[NUM_U64_MAX_LEN];
	bool function = as_function(c->n);
	int rc;

	tg_assert(argv != NULL);
	argv[argc++] = function ? STR("FCALL") : STR("EVALSHA");
	argv[argc++] = function ? c->function : str_z(c->s->sha);
	argv[argc++] = str_mk(number, num_put_u64(number, c->n_keys));
	for (size_t i = 0; i < c->n_keys; i++)
		argv[argc++] = c->words[i];
	if (!function)
		argv[argc++] = c->function;
	for (size_t i = c->n_keys; i < n_words; i++)
		argv[argc++] = c->words[i];
	rc = redis_node_call(c->n, argv, argc, c->timeout_us, call_on_reply, c);
	free(argv);
	return rc;
}

static void call_end(struct script_call *c, const struct redis_value *v, const char *why)
{
	c->f(v, why, c->arg);
	free(c);
}

static void call_on_loaded(const char *why, void *arg)
{
	struct script_call *c = arg;

	if (why != NULL)
		call_end(c, NULL, why);
	else if (c->generation != redis_node_generation(c->n) || call_send(c) != 0)
		call_end(c, NULL, "not connected any more");
}

static bool is_missing(const struct redis_value *v)
{
	return redis_value_is_error(v, STR("NOSCRIPT")) ||
	       (v->kind == REDIS_ERROR && str_starts(v->text, STR("ERR Function not found")));
}

static void call_on_reply(const struct redis_value *v, const char *why, void *arg)
{
	struct script_call *c = arg;

	if (v != NULL && !c->again && is_missing(v)) {
		c->again = true;
		if (redis_script_load(c->s, c->n, c->timeout_us, call_on_loaded, c) == 0)
			return;
	}
	call_end(c, v, why);
}

static struct str word_put(char **at, struct str s)
{
	struct str out = str_mk(*at, s.n);

	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return out;
}

static struct script_call *call_new(struct str function, const struct str *keys, size_t n_keys,
	const struct str *args, size_t n_args)
{
	size_t bytes = function.n;
	struct script_call *c;
	char *at;

	for (size_t i = 0; i < n_keys; i++)
		bytes += keys[i].n;
	for (size_t i = 0; i < n_args; i++)
		bytes += args[i].n;
	c = calloc(1, sizeof *c + (n_keys + n_args) * sizeof(struct str) + bytes);
	tg_assert(c != NULL);
	c->n_keys = n_keys;
	c->n_args = n_args;
	at = (char *)(c->words + n_keys + n_args);
	c->function = word_put(&at, function);
	for (size_t i = 0; i < n_keys; i++)
		c->words[i] = word_put(&at, keys[i]);
	for (size_t i = 0; i < n_args; i++)
		c->words[n_keys + i] = word_put(&at, args[i]);
	return c;
}

int redis_script_call(struct redis_script *s, struct redis_node *n, struct str function,
	const struct str *keys, size_t n_keys, const struct str *args, size_t n_args,
	int64_t timeout_us, redis_reply_f *f, void *arg)
{
	struct script_call *c = call_new(function, keys, n_keys, args, n_args);
	int rc;

	c->s = s;
	c->n = n;
	c->generation = redis_node_generation(n);
	c->timeout_us = timeout_us;
	c->f = f;
	c->arg = arg;
	if (as_function(n) || s->sha[0] != '\0') {
		rc = call_send(c);
	} else { /* nobody has loaded it yet */
		c->again = true;
		rc = redis_script_load(s, n, timeout_us, call_on_loaded, c);
	}
	if (rc != 0)
		free(c);
	return rc;
}
