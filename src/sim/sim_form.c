/*
 * sim_form.c: the multipart reader. Bytes are gathered in `hold` and decided on from there: data
 * goes on as soon as it cannot be the beginning of a delimiter.
 */
#include "sim/sim_form.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* The parameter `name` of a header value, unquoted in place; empty when absent. */
static struct str param_get(struct str value, struct str name)
{
	struct str piece;

	(void)str_split(&value, ';', &piece);
	while (str_split(&value, ';', &piece)) {
		size_t eq = str_chr(piece, '=');
		struct str v;

		if (eq == (size_t)-1 || !str_eq_ci(str_trim(str_mk(piece.p, eq)), name))
			continue;
		v = str_trim(str_skip(piece, eq + 1));
		if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
			v = str_mk(v.p + 1, v.n - 2);
		return v;
	}
	return STR_NONE;
}

struct sim_form *sim_form_new(struct str content_type)
{
	struct str boundary = param_get(content_type, STR("boundary"));
	struct sim_form *f;

	if (!str_starts_ci(content_type, STR("multipart/form-data")) || boundary.n == 0 ||
		boundary.n > 70)
		return NULL;
	f = calloc(1, sizeof *f);
	tg_assert(f != NULL);
	memcpy(f->delim, "\r\n--", 4);
	memcpy(f->delim + 4, boundary.p, boundary.n);
	f->delim_len = (unsigned)boundary.n + 4;
	f->sha = EVP_MD_CTX_new();
	tg_assert(f->sha != NULL);
	sim_buf_lit(&f->hold, "\r\n"); /* the first delimiter may come without its CRLF */
	return f;
}

void sim_form_free(struct sim_form *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < f->n_parts; i++) {
		sim_buf_fini(&f->part[i].name);
		sim_buf_fini(&f->part[i].filename);
		sim_buf_fini(&f->part[i].type);
		sim_buf_fini(&f->part[i].data);
	}
	sim_buf_fini(&f->hold);
	EVP_MD_CTX_free(f->sha);
	free(f);
}

static void hold_drop(struct sim_form *f, size_t n)
{
	memmove(f->hold.p, f->hold.p + n, f->hold.n - n);
	f->hold.n -= n;
}

static void part_data(struct sim_form *f, struct str s)
{
	struct sim_part *p = &f->part[f->n_parts - 1];

	if (p->data.n < SIM_FORM_KEEP)
		sim_buf_add(&p->data, str_mk(s.p, TG_MIN(s.n, SIM_FORM_KEEP - p->data.n)));
	p->bytes += s.n;
	if (p->is_file)
		tg_assert(EVP_DigestUpdate(f->sha, s.p, s.n) == 1);
}

static void part_end(struct sim_form *f)
{
	struct sim_part *p = &f->part[f->n_parts - 1];

	if (p->is_file)
		tg_assert(EVP_DigestFinal_ex(f->sha, p->sha, NULL) == 1);
}

static void part_begin(struct sim_form *f, struct str head)
{
	struct sim_part *p = &f->part[f->n_parts];
	struct str line;

	if (f->n_parts == SIM_FORM_PARTS) {
		f->state = SIM_FORM_BAD;
		return;
	}
	f->n_parts++;
	while (str_split(&head, '\n', &line)) {
		size_t colon = str_chr(line, ':');
		struct str name, value;

		if (line.n != 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (colon == (size_t)-1)
			continue;
		name = str_mk(line.p, colon);
		value = str_trim(str_skip(line, colon + 1));
		if (str_eq_ci(name, STR("content-disposition"))) {
			sim_buf_add(&p->name, param_get(value, STR("name")));
			sim_buf_add(&p->filename, param_get(value, STR("filename")));
			p->is_file = param_get(value, STR("filename")).p != NULL;
		} else if (str_eq_ci(name, STR("content-type"))) {
			sim_buf_add(&p->type, value);
		}
	}
	if (p->is_file)
		tg_assert(EVP_DigestInit_ex(f->sha, EVP_sha256(), NULL) == 1);
	f->state = SIM_FORM_DATA;
}

/* Data or preamble up to the delimiter; false when more bytes are needed. */
static bool step_data(struct sim_form *f)
{
	struct str delim = str_mk(f->delim, f->delim_len);
	size_t at = str_find(sim_buf_str(&f->hold), delim), sure;

	sure = at != (size_t)-1 ? at : f->hold.n > delim.n - 1 ? f->hold.n - (delim.n - 1) : 0;
	if (f->state == SIM_FORM_DATA)
		part_data(f, str_mk(f->hold.p, sure));
	if (at == (size_t)-1) {
		hold_drop(f, sure);
		return false;
	}
	if (f->state == SIM_FORM_DATA)
		part_end(f);
	hold_drop(f, at + delim.n);
	f->state = SIM_FORM_MARK;
	return true;
}

/* What follows a delimiter: "--" is the end, CRLF a part. */
static bool step_mark(struct sim_form *f)
{
	if (f->hold.n < 2)
		return false;
	if (memcmp(f->hold.p, "--", 2) == 0)
		f->state = SIM_FORM_END;
	else if (memcmp(f->hold.p, "\r\n", 2) == 0)
		f->state =
			SIM_FORM_HEAD; /* CRLF stays: an empty head then ends with CRLFCRLF too */
	else
		f->state = SIM_FORM_BAD;
	return true;
}

static bool step_head(struct sim_form *f)
{
	size_t end = str_find(sim_buf_str(&f->hold), STR("\r\n\r\n"));

	if (end == (size_t)-1) {
		if (f->hold.n > SIM_FORM_MAX_HEAD)
			f->state = SIM_FORM_BAD;
		return f->state == SIM_FORM_BAD;
	}
	part_begin(f, str_mk(f->hold.p, end));
	hold_drop(f, end + 4);
	return true;
}

void sim_form_feed(struct sim_form *f, struct str in)
{
	bool more = true;

	if (f->state == SIM_FORM_END || f->state == SIM_FORM_BAD)
		return;
	sim_buf_add(&f->hold, in);
	while (more) {
		switch (f->state) {
		case SIM_FORM_PREAMBLE:
		case SIM_FORM_DATA: more = step_data(f); break;
		case SIM_FORM_MARK: more = step_mark(f); break;
		case SIM_FORM_HEAD: more = step_head(f); break;
		case SIM_FORM_END:
		case SIM_FORM_BAD: f->hold.n = 0; return;
		}
	}
}

bool sim_form_ok(const struct sim_form *f)
{
	return f->state == SIM_FORM_END;
}

const struct sim_part *sim_form_get(const struct sim_form *f, struct str name)
{
	for (unsigned i = 0; i < f->n_parts; i++) {
		struct str have = sim_buf_str(&f->part[i].name);

		if (str_ends(have, STR("[]")))
			have.n -= 2;
		if (str_eq(have, name))
			return &f->part[i];
	}
	return NULL;
}

struct str sim_form_text(const struct sim_form *f, struct str name)
{
	const struct sim_part *p = sim_form_get(f, name);

	return p != NULL ? sim_buf_str(&p->data) : STR_NONE;
}
