/*
 * sim_store.c: the simulator's bounded memory: rings of slots under one lock.
 */
#include "sim/sim_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/num.h"
#include "proto/http1_head.h"

#define SEEN_PREFIXES 8192 /* hash slots; a full slot is overwritten */

struct file_slot {
	uint64_t id, created_s, bytes; /* id 0: free */
	struct sim_buf filename, purpose, data;
	uint8_t sha[SHA256_LEN];
};

struct batch_slot {
	uint64_t id;
	struct sim_buf json;
};

struct sim_store {
	pthread_mutex_t lock;
	uint64_t prefix[SEEN_PREFIXES];
	struct sim_buf request[SIM_STORE_SEEN]; /* JSON objects */
	uint64_t n_requests, n_files, n_batches;
	struct file_slot file[SIM_STORE_FILES];
	struct batch_slot batch[SIM_STORE_BATCHES];
};

struct sim_store *sim_store_new(void)
{
	struct sim_store *s = calloc(1, sizeof *s);

	tg_assert(s != NULL);
	(void)pthread_mutex_init(&s->lock, NULL);
	return s;
}

void sim_store_free(struct sim_store *s)
{
	for (unsigned i = 0; i < SIM_STORE_SEEN; i++)
		sim_buf_fini(&s->request[i]);
	for (unsigned i = 0; i < SIM_STORE_FILES; i++) {
		sim_buf_fini(&s->file[i].filename);
		sim_buf_fini(&s->file[i].purpose);
		sim_buf_fini(&s->file[i].data);
	}
	for (unsigned i = 0; i < SIM_STORE_BATCHES; i++)
		sim_buf_fini(&s->batch[i].json);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static void store_lock(struct sim_store *s)
{
	(void)pthread_mutex_lock(&s->lock);
}

static void store_unlock(struct sim_store *s)
{
	(void)pthread_mutex_unlock(&s->lock);
}

void sim_store_reset(struct sim_store *s)
{
	store_lock(s);
	memset(s->prefix, 0, sizeof s->prefix);
	s->n_requests = 0;
	for (unsigned i = 0; i < SIM_STORE_FILES; i++)
		s->file[i].id = 0;
	for (unsigned i = 0; i < SIM_STORE_BATCHES; i++)
		s->batch[i].id = 0;
	store_unlock(s);
}

bool sim_store_prefix_seen(struct sim_store *s, uint64_t hash)
{
	uint64_t *slot = &s->prefix[hash % SEEN_PREFIXES];
	bool seen;

	store_lock(s);
	seen = *slot == hash;
	*slot = hash;
	store_unlock(s);
	return seen;
}

static void put_hex(struct sim_buf *b, const void *p, size_t n)
{
	digest_hex(sim_buf_room(b, 2 * n), p, n);
	b->n += 2 * n;
}

static void put_request(struct sim_buf *b, uint64_t seq, const struct http_head *h, struct str body,
	uint64_t body_bytes, const uint8_t *sha)
{
	b->n = 0;
	sim_buf_lit(b, "{\"seq\":");
	sim_buf_u64(b, seq);
	sim_buf_lit(b, ",\"method\":");
	sim_buf_quote(b, http_method_text(h));
	sim_buf_lit(b, ",\"target\":");
	sim_buf_quote(b, http_target(h));
	sim_buf_add(b, h->minor != 0 ? STR(",\"version\":\"HTTP/1.1\",\"headers\":[")
				     : STR(",\"version\":\"HTTP/1.0\",\"headers\":["));
	for (unsigned i = 0; i < h->n_fields; i++) {
		sim_buf_add(b, i != 0 ? STR(",[") : STR("["));
		sim_buf_quote(b, http_field_name(h, i));
		sim_buf_lit(b, ",");
		sim_buf_quote(b, http_field_value(h, i));
		sim_buf_lit(b, "]");
	}
	sim_buf_lit(b, "],\"body_bytes\":");
	sim_buf_u64(b, body_bytes);
	if (sha != NULL) {
		sim_buf_lit(b, ",\"body_sha256\":\"");
		put_hex(b, sha, SHA256_LEN);
		sim_buf_lit(b, "\"");
	}
	sim_buf_lit(b, ",\"body\":");
	sim_buf_quote(b, str_mk(body.p, TG_MIN(body.n, (size_t)SIM_STORE_BODY)));
	sim_buf_lit(b, "}");
}

void sim_store_record(struct sim_store *s, uint64_t seq, const struct http_head *h, struct str body,
	uint64_t body_bytes, const uint8_t sha[SHA256_LEN])
{
	store_lock(s);
	put_request(&s->request[s->n_requests++ % SIM_STORE_SEEN], seq, h, body, body_bytes, sha);
	store_unlock(s);
}

void sim_store_requests(struct sim_store *s, unsigned n, struct sim_buf *out)
{
	uint64_t have;

	store_lock(s);
	have = TG_MIN(s->n_requests, (uint64_t)TG_MIN(n, (unsigned)SIM_STORE_SEEN));
	sim_buf_lit(out, "{\"requests\":[");
	for (uint64_t i = s->n_requests - have; i < s->n_requests; i++) {
		if (i != s->n_requests - have)
			sim_buf_lit(out, ",");
		sim_buf_add(out, sim_buf_str(&s->request[i % SIM_STORE_SEEN]));
	}
	sim_buf_lit(out, "]}\n");
	store_unlock(s);
}

static void buf_set(struct sim_buf *b, struct str s)
{
	b->n = 0;
	sim_buf_add(b, s);
}

void sim_store_file_add(struct sim_store *s, const struct sim_file *f)
{
	struct file_slot *slot;

	store_lock(s);
	slot = &s->file[s->n_files++ % SIM_STORE_FILES];
	slot->id = f->id;
	slot->created_s = f->created_s;
	slot->bytes = f->bytes;
	buf_set(&slot->filename, f->filename);
	buf_set(&slot->purpose, f->purpose);
	buf_set(&slot->data, f->data);
	memcpy(slot->sha, f->sha, SHA256_LEN);
	store_unlock(s);
}

static struct file_slot *file_find(struct sim_store *s, uint64_t id)
{
	for (unsigned i = 0; i < SIM_STORE_FILES; i++)
		if (id != 0 && s->file[i].id == id)
			return &s->file[i];
	return NULL;
}

static void file_put(const struct file_slot *f, struct sim_buf *out)
{
	sim_buf_lit(out, "{\"id\":\"file-");
	sim_buf_hex16(out, f->id);
	sim_buf_lit(out, "\",\"object\":\"file\",\"bytes\":");
	sim_buf_u64(out, f->bytes);
	sim_buf_lit(out, ",\"created_at\":");
	sim_buf_u64(out, f->created_s);
	sim_buf_lit(out, ",\"filename\":");
	sim_buf_quote(out, sim_buf_str(&f->filename));
	sim_buf_lit(out, ",\"purpose\":");
	sim_buf_quote(out, sim_buf_str(&f->purpose));
	sim_buf_lit(out, ",\"status\":\"processed\",\"sha256\":\"");
	put_hex(out, f->sha, SHA256_LEN);
	sim_buf_lit(out, "\"}");
}

bool sim_store_file_put(struct sim_store *s, uint64_t id, struct sim_buf *out)
{
	struct file_slot *f;

	store_lock(s);
	f = file_find(s, id);
	if (f != NULL)
		file_put(f, out);
	store_unlock(s);
	return f != NULL;
}

bool sim_store_file_content(struct sim_store *s, uint64_t id, struct sim_buf *out, uint64_t *bytes)
{
	struct file_slot *f;

	store_lock(s);
	f = file_find(s, id);
	if (f != NULL) {
		sim_buf_add(out, sim_buf_str(&f->data));
		*bytes = f->bytes;
	}
	store_unlock(s);
	return f != NULL;
}

bool sim_store_file_delete(struct sim_store *s, uint64_t id)
{
	struct file_slot *f;

	store_lock(s);
	f = file_find(s, id);
	if (f != NULL)
		f->id = 0;
	store_unlock(s);
	return f != NULL;
}

void sim_store_file_list(struct sim_store *s, struct sim_buf *out)
{
	const char *sep = "";

	store_lock(s);
	for (unsigned i = 0; i < SIM_STORE_FILES; i++) {
		if (s->file[i].id == 0)
			continue;
		sim_buf_add(out, str_z(sep));
		file_put(&s->file[i], out);
		sep = ",";
	}
	store_unlock(s);
}

void sim_store_batch_add(struct sim_store *s, uint64_t id, struct str json)
{
	struct batch_slot *b;

	store_lock(s);
	b = &s->batch[s->n_batches++ % SIM_STORE_BATCHES];
	b->id = id;
	buf_set(&b->json, json);
	store_unlock(s);
}

bool sim_store_batch_put(struct sim_store *s, uint64_t id, struct sim_buf *out)
{
	bool found = false;

	store_lock(s);
	for (unsigned i = 0; i < SIM_STORE_BATCHES && !found; i++) {
		found = id != 0 && s->batch[i].id == id;
		if (found)
			sim_buf_add(out, sim_buf_str(&s->batch[i].json));
	}
	store_unlock(s);
	return found;
}

void sim_store_batch_list(struct sim_store *s, struct sim_buf *out)
{
	const char *sep = "";

	store_lock(s);
	for (unsigned i = 0; i < SIM_STORE_BATCHES; i++) {
		if (s->batch[i].id == 0)
			continue;
		sim_buf_add(out, str_z(sep));
		sim_buf_add(out, sim_buf_str(&s->batch[i].json));
		sep = ",";
	}
	store_unlock(s);
}

int sim_store_id(struct str text, struct str prefix, uint64_t *id)
{
	if (!str_starts(text, prefix) || text.n != prefix.n + 16)
		return -1;
	return num_parse_hex(str_skip(text, prefix.n), id);
}
