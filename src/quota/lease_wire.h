/*
 * lease_wire.h: the lease protocol as Redis sees it: a call becomes keys and arguments of
 * tgq_sync_v1, its reply a struct lease_answer. Pure functions; any thread. What a reply contains
 * is a peer's: nothing of it is believed before it is looked at.
 */
#ifndef TG_QUOTA_LEASE_WIRE_H
#define TG_QUOTA_LEASE_WIRE_H

#include "quota/lease.h"

/*
 * How to look into a reply, whoever has made it: the client of src/redis, or a script in a test.
 * Values are valid for as long as the reply.
 */
struct lease_reader {
	size_t (*items)(const void *value); /* of a list; 0: it has none, or is no list */
	const void *(*item)(const void *value, size_t i); /* i below items */
	bool (*text)(const void *value, struct str *out); /* false: it is none */
};

/* Keys, then arguments; grows to the largest call and is used again. */
struct lease_args {
	struct str *v;
	unsigned n, n_keys, cap;
	char *text;
	size_t used, size;
};
void lease_args_init(struct lease_args *args);
void lease_args_fini(struct lease_args *args);
/* Of tgq_sync_v1. Its texts are valid until the next call with the same args; those of the call
 * itself may be referred to. */
void lease_args_sync(struct lease_args *args, struct str prefix, const struct lease_call *call);
/* A bucket's key, "tg:{b17}:b". Returns the length; no NUL. */
#define LEASE_KEY_MAX(prefix_n) ((prefix_n) + sizeof "{b63}:b" - 1)
size_t lease_key_bucket(char *out, struct str prefix, unsigned bucket);

/*
 * The reply to a call with n accounts. -1: err says what it is not. Texts of the answer are those
 * of the reply.
 */
int lease_answer_parse(const struct lease_reader *reader, const void *reply, unsigned n,
	struct lease_answer *out, char *err, size_t err_size) TG_MUST_CHECK;

#endif
