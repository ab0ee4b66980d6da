/*
 * usage_cohere.h: usage of Cohere's v2 chat: billed_units is what is billed, tokens is what was
 * processed (more: the vendor's own prompt is in it). Pure functions.
 */
#ifndef TG_PROVIDERS_USAGE_COHERE_H
#define TG_PROVIDERS_USAGE_COHERE_H

#include "base/defs.h"
#include "base/str.h"
#include "money/usage.h"

/* Fills the buckets of input and output from one usage object (its JSON text); from tokens where it
 * has no billed_units. 0; -1 when it is no object or has no figure in it: *u stays. */
int usage_cohere_read(struct str json, struct usage *u) TG_MUST_CHECK;

#endif
