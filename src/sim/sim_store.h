/*
 * sim_store.h: what the simulator remembers between requests, bounded: uploaded files, batches, the
 * last requests as they arrived, and which prompt prefixes it has cached. Any thread (one lock).
 */
#ifndef TG_SIM_STORE_H
#define TG_SIM_STORE_H

#include <stdbool.h>

#include "base/digest.h"
#include "sim/sim_buf.h"

#define SIM_STORE_FILES   64
#define SIM_STORE_BATCHES 64
#define SIM_STORE_SEEN    256
#define SIM_STORE_BODY    4096 /* bytes kept of a recorded body */

struct sim_store;
struct http_head;

struct sim_store *sim_store_new(void);
void sim_store_free(struct sim_store *s);
/* Forgets everything. */
void sim_store_reset(struct sim_store *s);

/* True when seen before; remembers it. */
bool sim_store_prefix_seen(struct sim_store *s, uint64_t hash);

/* Keeps a copy of a request; the oldest goes. sha NULL: not known. */
void sim_store_record(struct sim_store *s, uint64_t seq, const struct http_head *h, struct str body,
	uint64_t body_bytes, const uint8_t sha[SHA256_LEN]);
/* Appends {"requests":[...]} of the last n, oldest first. */
void sim_store_requests(struct sim_store *s, unsigned n, struct sim_buf *out);

struct sim_file { /* what a caller hands over; the store copies it */
	uint64_t id, created_s, bytes;
	struct str filename, purpose, data;
	const uint8_t *sha;
};

void sim_store_file_add(struct sim_store *s, const struct sim_file *f);
/* Appends the file object; false when there is none. */
bool sim_store_file_put(struct sim_store *s, uint64_t id, struct sim_buf *out);
/* Appends what is kept of the content; *bytes gets the true size. */
bool sim_store_file_content(struct sim_store *s, uint64_t id, struct sim_buf *out, uint64_t *bytes);
bool sim_store_file_delete(struct sim_store *s, uint64_t id);
/* Appends the objects, comma separated. */
void sim_store_file_list(struct sim_store *s, struct sim_buf *out);

/* Batches are kept as the JSON they are answered with. */
void sim_store_batch_add(struct sim_store *s, uint64_t id, struct str json);
bool sim_store_batch_put(struct sim_store *s, uint64_t id, struct sim_buf *out);
void sim_store_batch_list(struct sim_store *s, struct sim_buf *out);

/* The id behind "file-" or "batch_": 16 hex digits. -1 when it is not one. */
int sim_store_id(struct str text, struct str prefix, uint64_t *id) TG_MUST_CHECK;

#endif
