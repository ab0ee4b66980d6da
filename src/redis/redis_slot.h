/*
 * redis_slot.h: which of the 16384 slots of a Redis cluster a key is in. Pure.
 */
#ifndef TG_REDIS_REDIS_SLOT_H
#define TG_REDIS_REDIS_SLOT_H

#include "base/defs.h"
#include "base/str.h"

/* CRC16, polynomial 0x1021, from 0 (XMODEM): what the cluster specification names. */
uint16_t redis_crc16(struct str s);
/*
 * 0 to 16383. Where the key has a '{' and behind it, not at once, a '}', only what is between the
 * first such pair counts: "tg:{b17}:b" and "tg:{b17}:a:x" are in one slot.
 */
unsigned redis_slot(struct str key);

/*
 * "MOVED 3999 127.0.0.1:6381", "ASK ...": the slot, the host (empty: the one that said so) and the
 * port. -1: it is neither.
 */
int redis_redirect_parse(
	struct str error, unsigned *slot, struct str *host, uint16_t *port) TG_MUST_CHECK;

#endif
