/*
 * server.c: a Redis of the simulation: keys that are hashes, the real quota.lua over them, copies
 * of earlier moments. What the script uses of redis.call is done here; anything else ends the run.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

#include "quota/quota_lua.h"
#include "simulate/sim.h"

struct sim_lua {
	lua_State *state;
	struct sim_server *server; /* of the call that runs */
	int64_t now;
};

/* ---- keys */

static void key_free(struct sim_key *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		free(k->field[i].name);
		free(k->field[i].value);
	}
	free(k->name);
	free(k);
}

void sim_store_clear(struct sim_store *store)
{
	for (unsigned i = 0; i < store->n; i++)
		key_free(store->key[i]);
	store->n = 0;
}

static struct sim_key *find(const struct sim_store *store, const char *name)
{
	for (unsigned i = 0; i < store->n; i++)
		if (strcmp(store->key[i]->name, name) == 0)
			return store->key[i];
	return NULL;
}

static void set(struct sim_key *k, const char *name, const char *value)
{
	for (unsigned i = 0; i < k->n; i++)
		if (strcmp(k->field[i].name, name) == 0) {
			free(k->field[i].value);
			k->field[i].value = str_dup(str_z(value));
			return;
		}
	tg_assert(k->n < SIM_FIELDS);
	k->field[k->n++] = (struct sim_field){ str_dup(str_z(name)), str_dup(str_z(value)) };
}

static struct sim_key *make(struct sim_store *store, const char *name)
{
	struct sim_key *k = find(store, name);

	if (k != NULL)
		return k;
	tg_assert(store->n < SIM_KEYS);
	k = calloc(1, sizeof *k);
	tg_assert(k != NULL);
	k->name = str_dup(str_z(name));
	store->key[store->n++] = k;
	return k;
}

static void copy(struct sim_store *to, const struct sim_store *from)
{
	sim_store_clear(to);
	for (unsigned i = 0; i < from->n; i++) {
		struct sim_key *k = make(to, from->key[i]->name);

		for (unsigned f = 0; f < from->key[i]->n; f++)
			set(k, from->key[i]->field[f].name, from->key[i]->field[f].value);
	}
}

const char *sim_store_get(const struct sim_store *store, const char *key, const char *field)
{
	const struct sim_key *k = find(store, key);

	for (unsigned i = 0; k != NULL && i < k->n; i++)
		if (strcmp(k->field[i].name, field) == 0)
			return k->field[i].value;
	return NULL;
}

/* ---- processes and copies */

void sim_server_start(struct sim_server *s, unsigned index, const struct sim_store *from)
{
	struct sim_store state = { 0 };

	if (from != NULL)
		copy(&state, from);
	for (unsigned i = 0; i < s->snapshots; i++)
		sim_store_clear(&s->snapshot[i].store);
	s->snapshots = 0;
	sim_store_clear(&s->store);
	s->store = state;
	s->boot++;
	s->alive = true;
	s->paused_until = 0;
	snprintf(s->run_id, sizeof s->run_id, "server%c-process%u", 'A' + (int)index, s->boot);
}

void sim_server_snapshot(struct sim_server *s, int64_t now)
{
	struct sim_snapshot *at = &s->snapshot[s->snapshots % SIM_SNAPSHOTS];

	if (s->snapshots == SIM_SNAPSHOTS) {
		struct sim_snapshot oldest = s->snapshot[0];

		memmove(s->snapshot, s->snapshot + 1, (SIM_SNAPSHOTS - 1) * sizeof *s->snapshot);
		at = &s->snapshot[SIM_SNAPSHOTS - 1];
		*at = oldest;
		s->snapshots--;
	}
	copy(&at->store, &s->store);
	at->at = now;
	s->snapshots++;
}

const struct sim_store *sim_server_copy(const struct sim_server *s, int64_t at)
{
	const struct sim_store *found = s->snapshots > 0 ? &s->snapshot[0].store : &s->store;

	for (unsigned i = 0; i < s->snapshots; i++)
		if (s->snapshot[i].at <= at)
			found = &s->snapshot[i].store;
	return found;
}

/* ---- what the script calls */

static struct sim_lua *self(lua_State *L)
{
	struct sim_lua *lua;

	lua_getfield(L, LUA_REGISTRYINDEX, "sim");
	lua = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return lua;
}

static int call_time(lua_State *L, const struct sim_lua *lua)
{
	int64_t us = EPOCH_US + lua->now + lua->server->wall_off;
	char text[32];

	lua_createtable(L, 2, 0);
	snprintf(text, sizeof text, "%lld", (long long)(us / SECOND));
	lua_pushstring(L, text);
	lua_rawseti(L, -2, 1);
	snprintf(text, sizeof text, "%lld", (long long)(us % SECOND));
	lua_pushstring(L, text);
	lua_rawseti(L, -2, 2);
	return 1;
}

static int call_hgetall(lua_State *L, const struct sim_store *store)
{
	const struct sim_key *k = find(store, luaL_checkstring(L, 2));

	lua_newtable(L);
	for (unsigned i = 0; k != NULL && i < k->n; i++) {
		lua_pushstring(L, k->field[i].name);
		lua_rawseti(L, -2, 2 * (int)i + 1);
		lua_pushstring(L, k->field[i].value);
		lua_rawseti(L, -2, 2 * (int)i + 2);
	}
	return 1;
}

static int call_hset(lua_State *L, struct sim_store *store)
{
	struct sim_key *k = make(store, luaL_checkstring(L, 2));

	for (int i = 3; i < lua_gettop(L); i += 2)
		set(k, luaL_checkstring(L, i), luaL_checkstring(L, i + 1));
	lua_pushinteger(L, 0);
	return 1;
}

static int call_hdel(lua_State *L, const struct sim_store *store)
{
	struct sim_key *k = find(store, luaL_checkstring(L, 2));

	for (int i = 3; k != NULL && i <= lua_gettop(L); i++)
		for (unsigned f = 0; f < k->n; f++)
			if (strcmp(k->field[f].name, luaL_checkstring(L, i)) == 0) {
				free(k->field[f].name);
				free(k->field[f].value);
				k->field[f--] = k->field[--k->n];
			}
	lua_pushinteger(L, 0);
	return 1;
}

static int on_call(lua_State *L)
{
	struct sim_lua *lua = self(L);
	const char *name = luaL_checkstring(L, 1);

	if (strcmp(name, "TIME") == 0)
		return call_time(L, lua);
	if (strcmp(name, "HGETALL") == 0)
		return call_hgetall(L, &lua->server->store);
	if (strcmp(name, "HSET") == 0)
		return call_hset(L, &lua->server->store);
	if (strcmp(name, "HDEL") == 0)
		return call_hdel(L, &lua->server->store);
	if (strcmp(name, "EXPIREAT") != 0 && strcmp(name, "PERSIST") != 0)
		return luaL_error(L, "redis.call(%s): not simulated", name);
	lua_pushinteger(L, 1); /* nothing expires within a run */
	return 1;
}

static int on_error_reply(lua_State *L)
{
	return luaL_error(L, "%s", luaL_checkstring(L, 1));
}

/* register_function(name, f), or of a table. */
static int on_register(lua_State *L)
{
	if (lua_istable(L, 1)) {
		lua_getfield(L, 1, "function_name");
		lua_getfield(L, 1, "callback");
	} else {
		lua_settop(L, 2);
	}
	lua_setfield(L, LUA_REGISTRYINDEX, lua_tostring(L, -2));
	return 0;
}

/* ---- the script */

/* The text with one change; NULL: what is to be changed is not there, or twice. */
static char *changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	size_t before;
	char *out;

	if (at == NULL || strstr(at + 1, from) != NULL)
		return NULL;
	before = (size_t)(at - text);
	out = malloc(strlen(text) + strlen(to) + 1);
	tg_assert(out != NULL);
	memcpy(out, text, before);
	strcpy(out + before, to);
	strcat(out + before, at + strlen(from));
	return out;
}

struct sim_lua *sim_lua_new(const char *from, const char *to)
{
	static const luaL_Reg redis[] = { { "call", on_call }, { "error_reply", on_error_reply },
		{ "register_function", on_register }, { NULL, NULL } };
	struct sim_lua *lua = calloc(1, sizeof *lua);
	const char *text = quota_lua_eval_text().p;
	char *other = from != NULL ? changed(text, from, to) : NULL;

	tg_assert(lua != NULL);
	if (from != NULL && other == NULL) {
		free(lua);
		return NULL;
	}
	lua->state = luaL_newstate();
	luaL_openlibs(lua->state);
	lua_pushlightuserdata(lua->state, lua);
	lua_setfield(lua->state, LUA_REGISTRYINDEX, "sim");
	luaL_register(lua->state, "redis", redis);
	lua_pop(lua->state, 1);
	if (luaL_dostring(lua->state, other != NULL ? other : text) != 0) {
		fprintf(stderr, "quota.lua: %s\n", lua_tostring(lua->state, -1));
		sim_lua_free(lua);
		lua = NULL;
	}
	free(other);
	return lua;
}

void sim_lua_free(struct sim_lua *lua)
{
	lua_close(lua->state);
	free(lua);
}

static void push_list(lua_State *L, const struct str *v, unsigned n)
{
	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushlstring(L, v[i].p != NULL ? v[i].p : "", v[i].n);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

static void to_value(lua_State *L, struct sim_value *v)
{
	*v = (struct sim_value){ .list = lua_istable(L, -1) };
	if (!v->list) {
		v->text = str_dup(str_z(lua_tostring(L, -1)));
		return;
	}
	v->n = lua_objlen(L, -1);
	v->item = calloc(v->n + 1, sizeof *v->item);
	tg_assert(v->item != NULL);
	for (size_t i = 0; i < v->n; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		to_value(L, &v->item[i]);
		lua_pop(L, 1);
	}
}

struct sim_value *sim_lua_call(struct sim_lua *lua, struct sim_server *s, int64_t now,
	const char *function, const struct str *keys, unsigned n_keys, const struct str *args,
	unsigned n_args)
{
	lua_State *L = lua->state;
	struct sim_value *v = calloc(1, sizeof *v);

	tg_assert(v != NULL);
	lua->server = s;
	lua->now = now;
	lua_getfield(L, LUA_REGISTRYINDEX, function);
	push_list(L, keys, n_keys);
	push_list(L, args, n_args);
	if (lua_pcall(L, 2, 1, 0) != 0) {
		fprintf(stderr, "%s: %s\n", function, lua_tostring(L, -1));
		abort();
	}
	to_value(L, v);
	lua_pop(L, 1);
	return v;
}

/* ---- replies */

static size_t value_items(const void *value)
{
	return ((const struct sim_value *)value)->n;
}

static const void *value_item(const void *value, size_t i)
{
	return &((const struct sim_value *)value)->item[i];
}

static bool value_text(const void *value, struct str *out)
{
	const struct sim_value *v = value;

	*out = str_z(v->text);
	return !v->list;
}

const struct lease_reader sim_reader = { value_items, value_item, value_text };

static void value_fini(struct sim_value *v)
{
	for (size_t i = 0; i < v->n; i++)
		value_fini(&v->item[i]);
	free(v->item);
	free(v->text);
}

void sim_value_free(struct sim_value *v)
{
	if (v == NULL)
		return;
	value_fini(v);
	free(v);
}
