/*
 * meter_probe.h: tells at a glance whether stream events hold anything for the meter, without
 * parsing: nearly all of them carry a few words of text and nothing else. Pure functions.
 */
#ifndef TG_PROVIDERS_METER_PROBE_H
#define TG_PROVIDERS_METER_PROBE_H

#include "base/str.h"
#include "core/meter_api.h"

/* Whether events of this API can be probed. */
bool meter_probe_knows(enum meter_api api);
/*
 * `events` begins between two events and ends behind one's blank line. Returns how many bytes of
 * whole events at its front cannot change anything the meter reports: all, or up to the first that
 * may.
 */
size_t meter_probe_quiet(enum meter_api api, struct str events);
/* The length of s up to the end of its last blank line; 0 when there is none. */
size_t meter_probe_border(struct str s);

#endif
