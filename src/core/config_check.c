/*
 * config_check.c: what the checks of several directive tables ask: is this a name, a tag's name, a
 * time zone, an address of this machine? Every finding has the place of the value it is about.
 */
#include "core/config_check.h"

#include <arpa/inet.h>

#include "quota/zone.h"

bool config_is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._:@-", c) != NULL);
}

bool config_is_tag_char(char c)
{
	return config_is_name_char(c) && c != ':' && c != '@';
}

int config_check_name(struct conf_load *l, const char *what, const struct str *name)
{
	for (size_t i = 0; i < name->n; i++)
		if (!config_is_name_char(name->p[i]))
			return conf_fail_at(l, name,
				"the name of a %s has letters, digits and . _ : @ - in it, not "
				"`%.*s`",
				what, STR_FMT(*name));
	if (name->n > 128)
		return conf_fail_at(
			l, name, "the name of a %s is at most 128 characters long", what);
	return 0;
}

int config_check_tag_name(struct conf_load *l, const struct str *name)
{
	for (size_t i = 0; i < name->n; i++)
		if (!config_is_tag_char(name->p[i]))
			return conf_fail_at(l, name,
				"a tag's name has letters, digits and . _ - in it, not `%.*s`",
				STR_FMT(*name));
	return 0;
}

bool config_host_is_loopback(struct str host)
{
	char z[64];
	struct in_addr v4;
	struct in6_addr v6;

	if (str_eq_ci(host, STR("localhost")) || host.n >= sizeof z)
		return host.n < sizeof z;
	memcpy(z, host.p, host.n);
	z[host.n] = '\0';
	if (inet_pton(AF_INET, z, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, z, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

int config_check_timezone(struct conf_load *l, const struct str *name)
{
	char why[200];
	struct zone *z;

	if (name->n == 0)
		return 0;
	z = zone_load(*name, NULL, why, sizeof why);
	if (z == NULL)
		return conf_fail_at(l, name, "%s", why);
	zone_free(z);
	return 0;
}

const char *config_near(struct str text, const char *const *words, size_t n, struct conf_why *out)
{
	const char *near = str_nearest(text, words, n);

	out->text[0] = '\0';
	if (near != NULL)
		snprintf(out->text, sizeof out->text, "; did you mean `%s`?", near);
	return out->text;
}
