/*
 * What a rule matches requests by, besides `tag.NAME` and `header.NAME`: X(ENUM_SUFFIX, member, kind). The member is the word of
 * the configuration; kind: NAME (the same text), PATH (the same, or a beginning with * behind it), COUNT (<500, >=2000), FLAG, LANGS (codes, with
 * commas).
 */
X(TENANT, tenant, NAME)
X(ORG, org, NAME)
X(TIER, tier, NAME)
X(KEY, key, NAME)
X(COUNTRY, country, NAME)
X(PATH, path, PATH)
X(PROMPT_TOKENS, prompt_tokens, COUNT)
X(TOOLS, tools, FLAG)
X(IMAGES, images, FLAG)
X(DOCUMENTS, documents, FLAG)
X(STREAM, stream, FLAG)
X(CODE, code, FLAG)
X(LANGUAGE, language, LANGS)
