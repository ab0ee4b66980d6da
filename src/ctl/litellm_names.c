/*
 * litellm_names.c: what a LiteLLM price map calls a model, taken apart: the prefix that names the
 * provider, sizes and qualities of images, regions, and at last the id that the provider itself
 * uses.
 *
 *	high/1024-x-1536/gpt-image-1     model gpt-image-1, variant high/1024x1536
 *	azure/eu/gpt-5-2025-08-07        model gpt-5-2025-08-07, region eu
 *	bedrock/eu-west-3/mistral.x-v1   model mistral.x-v1, region eu-west-3
 *	us.anthropic.claude-x-v1:0       model as it stands: an inference profile is what is asked
 *for
 */
#include <stdio.h>
#include <string.h>

#include "ctl/prices_import.h"

static const struct {
	const char *litellm, *provider, *prefix;
} providers[] = {
#define X(litellm, provider, prefix) { litellm, provider, prefix },
#include "ctl/tbl/litellm_providers.h"
#undef X
};

static const char *const qualities[] = { "low", "medium", "high", "standard", "hd", "50-steps",
	"max-steps" };
static const char *const azure_regions[] = { "eu", "us", "global", "global-standard" };

struct parts {
	struct str rest, quality, size, region;
	bool prefix_seen;
};

static bool is_one_of(struct str s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(s, str_z(words[i])))
			return true;
	return false;
}

/* "1024-x-1536", "max-x-max" */
static bool is_size(struct str s)
{
	size_t x = str_find(s, STR("-x-"));

	return x != (size_t)-1 && x > 0 && x + 3 < s.n && s.n <= 32 &&
	       (strspn(s.p, "0123456789") == x || str_eq(s, STR("max-x-max")));
}

/* "us-gov-west-1": letters, and a number at the end. */
static bool is_aws_region(struct str s)
{
	return s.n >= 9 && s.n <= 32 && s.p[2] == '-' && s.p[s.n - 2] == '-' &&
	       s.p[s.n - 1] >= '1' && s.p[s.n - 1] <= '9' && str_chr(s, '.') == (size_t)-1;
}

/* Does the first part of a name say something about the model that is behind it? */
static bool take_part(
	struct parts *p, struct str part, const struct import_entry *e, struct str prefix)
{
	bool image = e->mode != NULL && strncmp(e->mode, "image", 5) == 0;

	if (!p->prefix_seen && str_eq(part, prefix)) {
		p->prefix_seen = true;
		return true;
	}
	if (image && is_size(part)) {
		p->size = part;
		return true;
	}
	if (image && is_one_of(part, qualities, TG_ARRAY_LEN(qualities))) {
		p->quality = part;
		return true;
	}
	if (strcmp(e->provider, "azure") == 0 &&
		is_one_of(part, azure_regions, TG_ARRAY_LEN(azure_regions))) {
		p->region = part;
		return true;
	}
	if (strcmp(e->provider, "bedrock") != 0)
		return false;
	if (is_aws_region(part))
		p->region = part;
	return is_aws_region(part) || str_eq(part, STR("invoke"));
}

/* "high/1024x1536" of "high" and "1024-x-1536" */
static const char *variant_text(struct import *im, const struct parts *p)
{
	size_t x = str_find(p->size, STR("-x-"));
	const char *slash = p->quality.n > 0 && p->size.n > 0 ? "/" : "";

	if (p->size.n == 0)
		return import_text(im, "%.*s", STR_FMT(p->quality));
	if (str_starts(p->size, STR("max")))
		return import_text(im, "%.*s%smax", STR_FMT(p->quality), slash);
	return import_text(im, "%.*s%s%.*sx%.*s", STR_FMT(p->quality), slash, (int)x, p->size.p,
		(int)(p->size.n - x - 3), p->size.p + x + 3);
}

static const char *find_prefix(const char *litellm_provider, const char **provider)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(providers); i++) {
		struct str row = str_z(providers[i].litellm);
		bool all = str_ends(row, STR("*"));

		if (all ? !str_starts(str_z(litellm_provider), str_mk(row.p, row.n - 1))
			: strcmp(litellm_provider, providers[i].litellm) != 0)
			continue;
		*provider = providers[i].provider;
		return providers[i].prefix;
	}
	return NULL;
}

static bool is_class_of_models(struct str name)
{
	return str_starts(name, STR("together-ai-")) || str_starts(name, STR("fireworks-ai-"));
}

void import_litellm_name(struct import *im, struct import_entry *e, const char *litellm_provider)
{
	const char *prefix = find_prefix(litellm_provider, &e->provider);
	struct parts p = { .rest = str_z(e->name) };
	size_t slash;

	e->variant = e->region = "";
	if (prefix == NULL) {
		e->state = IMPORT_OTHER;
		return;
	}
	while ((slash = str_chr(p.rest, '/')) != (size_t)-1 &&
		take_part(&p, str_mk(p.rest.p, slash), e, str_z(prefix)))
		p.rest = str_skip(p.rest, slash + 1);
	e->model = import_text(im, "%.*s", STR_FMT(p.rest));
	e->variant = variant_text(im, &p);
	e->region = import_text(im, "%.*s", STR_FMT(p.region));
	if (strstr(e->name, "-month-commitment/") != NULL)
		import_refuse(e,
			"capacity that is reserved and paid by the second, not a request's price");
	else if (is_class_of_models(p.rest))
		import_refuse(e, "a class of models by their size, not a model");
	else if (p.rest.n == 0 || p.rest.n > 200)
		import_refuse(e, "a name that is no model's");
}
