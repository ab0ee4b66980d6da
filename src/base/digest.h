/*
 * digest.h: hashes, constant-time comparison and randomness, over OpenSSL's libcrypto.
 */
#ifndef TG_BASE_DIGEST_H
#define TG_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

#define SHA256_LEN 32

/* One-shot SHA-256; no allocation. */
void digest_sha256(struct str in, uint8_t out[SHA256_LEN]);
/* HMAC-SHA-256 (RFC 2104); no allocation. */
void digest_hmac_sha256(struct str key, struct str in, uint8_t out[SHA256_LEN]);
/* Equal, in time that depends on n alone. */
bool digest_equal(const void *a, const void *b, size_t n);
/* n random bytes from the system; panics when there are none. */
void digest_random(void *out, size_t n);
/* 2n lower-case hex digits, no NUL. */
void digest_hex(char *out, const void *in, size_t n);
/* Exactly 2n hex digits of either case. */
int digest_unhex(struct str in, void *out, size_t n) TG_MUST_CHECK;
/* CRC32C (Castagnoli), seeded with crc (0 to begin). */
uint32_t digest_crc32c(uint32_t crc, const void *p, size_t n);
/* CRC-32 (IEEE 802.3, as in zlib), seeded with crc (0 to begin). */
uint32_t digest_crc32(uint32_t crc, const void *p, size_t n);

#endif
