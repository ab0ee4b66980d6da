/*
 * embed.h: files that are part of the binary, made at build time by build-aux/embed.sh. No owner,
 * no thread: constant bytes, not terminated.
 */
#ifndef TG_CORE_EMBED_H
#define TG_CORE_EMBED_H

#include <stddef.h>

extern const unsigned char embed_prices[]; /* conf/prices.json */
extern const size_t embed_prices_len;

#endif
