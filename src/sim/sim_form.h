/*
 * sim_form.h: a multipart/form-data body (RFC 7578) as a few text fields and a few files, while it
 * streams: of a file the first 64 KB, the size and the SHA-256 are kept. Memory is bounded whatever
 * is sent.
 */
#ifndef TG_SIM_FORM_H
#define TG_SIM_FORM_H

#include <stdbool.h>

#include "base/digest.h"
#include "sim/sim_buf.h"

#define SIM_FORM_PARTS    64
#define SIM_FORM_KEEP     65536
#define SIM_FORM_MAX_HEAD 8192

typedef struct evp_md_ctx_st EVP_MD_CTX;

struct sim_part {
	struct sim_buf name, filename, type;
	struct sim_buf data; /* at most SIM_FORM_KEEP */
	uint64_t bytes;
	bool is_file;
	uint8_t sha[SHA256_LEN]; /* files */
};

struct sim_form {
	char delim[80]; /* CRLF--boundary */
	unsigned delim_len;
	enum {
		SIM_FORM_PREAMBLE,
		SIM_FORM_MARK,
		SIM_FORM_HEAD,
		SIM_FORM_DATA,
		SIM_FORM_END,
		SIM_FORM_BAD
	} state;
	struct sim_buf hold; /* bytes not decided on yet: a part head, or what may be a delimiter */
	struct sim_part part[SIM_FORM_PARTS];
	unsigned n_parts;
	EVP_MD_CTX *sha;
};

/* NULL: not multipart/form-data with a usable boundary. */
struct sim_form *sim_form_new(struct str content_type) TG_MUST_CHECK;
void sim_form_free(struct sim_form *f);
void sim_form_feed(struct sim_form *f, struct str in);
/* The whole body has been fed: true when it was complete and well formed. */
bool sim_form_ok(const struct sim_form *f);
/* First part with that name (or name[]), or NULL. */
const struct sim_part *sim_form_get(const struct sim_form *f, struct str name);
struct str sim_form_text(const struct sim_form *f, struct str name);

#endif
