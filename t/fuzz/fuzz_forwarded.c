/*
 * fuzz_forwarded.c: whatever a client writes in front, the address that the proxy adds behind it is
 * the one that counts: by both headers, on the same line and on one of its own. A Forwarded may be
 * refused instead.
 */
#include <stdlib.h>

#include "proto/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 10.0.0.0/8 is ours. */
static bool ours(const void *arg, struct ip a)
{
	(void)arg;
	return ip_is_v4(a) && a.b[12] == 10;
}

/* The input with `added` behind it. To be freed. */
static char *with(struct str in, struct str added, size_t *n)
{
	char *p = malloc(in.n + added.n + 1);

	tg_assert(p != NULL);
	if (in.n > 0)
		memcpy(p, in.p, in.n);
	if (added.n > 0)
		memcpy(p + in.n, added.p, added.n);
	*n = in.n + added.n;
	return p;
}

static void check_is(const struct forwarded *f, const char *want)
{
	struct ip a, b;

	tg_assert(forwarded_client(f, ours, NULL, &a));
	tg_assert(ip_parse(str_z(want), &b) == 0 && ip_eq(a, b));
}

static void check_xff(struct str in)
{
	struct forwarded f = { .n = 0 }, g = { .n = 0 };
	size_t n;
	char *p = with(in, STR(", 203.0.113.7, 10.0.0.1"), &n);

	forwarded_add_xff(&f, str_mk(p, n));
	check_is(&f, "203.0.113.7");
	forwarded_add_xff(&g, in);
	forwarded_add_xff(&g, STR("[2001:db8::7]:80"));
	check_is(&g, "2001:db8::7");
	free(p);
}

static void check_rfc7239(struct str in)
{
	static const char *const added[] = { ", for=203.0.113.7",
		",for=\"203.0.113.7:80\";by=10.0.0.1",
		", proto=https;for=203.0.113.7;by=\"[fd00::1]\", for=10.0.0.1" };

	for (size_t i = 0; i < TG_ARRAY_LEN(added); i++) {
		struct forwarded f = { .n = 0 }, g = { .n = 0 };
		struct str tail = str_z(added[i]);
		size_t n;
		char *p = with(in, tail, &n);

		if (forwarded_add_rfc7239(&f, str_mk(p, n)) == 0)
			check_is(&f, "203.0.113.7");
		if (forwarded_add_rfc7239(&g, in) == 0) {
			tg_assert(forwarded_add_rfc7239(&g, str_skip(tail, 1)) == 0);
			check_is(&g, "203.0.113.7");
		}
		free(p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;
	char *copy = with(str_mk((const char *)data, size), STR(""), &n);
	bool field = true;
	struct ip_net net;
	struct ip a, b;
	char text[IP_TEXT_LEN];
	const char *why = NULL;

	for (size_t i = 0; i < size; i++) /* what a field's value may have (the head's parser) */
		field &= data[i] != '\r' && data[i] != '\n' && data[i] != '\0';
	if (field) {
		check_xff(str_mk(copy, n));
		check_rfc7239(str_mk(copy, n));
	}
	if (ip_parse(str_mk(copy, n), &a) == 0) {
		ip_format(a, text);
		tg_assert(ip_parse(str_z(text), &b) == 0 && ip_eq(a, b));
	}
	if (ip_net_parse(str_mk(copy, n), &net, &why) == 0)
		tg_assert(net.bits <= 128 && ip_net_has(&net, net.base));
	else
		tg_assert(why != NULL);
	free(copy);
	return 0;
}
