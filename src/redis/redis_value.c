/*
 * redis_value.c: looking into replies. Pure.
 */
#include "redis/redis_value.h"

#include "base/num.h"

const struct redis_value *redis_value_at(const struct redis_value *v, size_t i)
{
	static const struct redis_value nil = { .kind = REDIS_NIL };

	return v->kind == REDIS_ARRAY && i < v->n_items ? &v->items[i] : &nil;
}

int redis_value_i64(const struct redis_value *v, int64_t *out)
{
	if (v->kind == REDIS_INT) {
		*out = v->number;
		return 0;
	}
	return v->kind == REDIS_STRING ? num_parse_i64(v->text, out) : -1;
}

bool redis_value_is_error(const struct redis_value *v, struct str code)
{
	return v->kind == REDIS_ERROR && str_starts(v->text, code) &&
	       (v->text.n == code.n || v->text.p[code.n] == ' ');
}
