/*
 * dialect_openai_files.c: /v1/files and /v1/batches over the bounded store.
 */
#include "sim/dialect.h"
#include "sim/sim_store.h"

static void no_such(struct sim_req *r, struct str what)
{
	char text[120];
	size_t n = TG_MIN(r->path_arg.n, (size_t)64);

	memcpy(text, what.p, what.n);
	memcpy(text + what.n, r->path_arg.p, n);
	sim_answer_error(r, 404, SIM_E_NOT_FOUND, str_mk(text, what.n + n), STR("id"));
}

void sim_openai_file_upload(struct sim_req *r)
{
	const struct sim_part *part;

	if (r->form == NULL || !sim_form_ok(r->form)) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("Expected a well-formed multipart body."), STR("file"));
		return;
	}
	part = sim_form_get(r->form, STR("file"));
	if (part == NULL || !part->is_file || sim_form_get(r->form, STR("purpose")) == NULL) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("'file' and 'purpose' are required."), STR("file"));
		return;
	}
	sim_store_file_add(
		r->conf->store, &(struct sim_file){ .id = r->id,
					.created_s = sim_created(r),
					.bytes = part->bytes,
					.filename = sim_buf_str(&part->filename),
					.purpose = sim_form_text(r->form, STR("purpose")),
					.data = sim_buf_str(&part->data),
					.sha = part->sha });
	tg_assert(sim_store_file_put(r->conf->store, r->id, &r->json));
	sim_answer_json(r, 200, false);
}

void sim_openai_file_list(struct sim_req *r)
{
	sim_buf_lit(&r->json, "{\"object\":\"list\",\"data\":[");
	sim_store_file_list(r->conf->store, &r->json);
	sim_buf_lit(&r->json, "],\"has_more\":false}\n");
	sim_answer_json(r, 200, false);
}

static bool file_id(struct sim_req *r, uint64_t *id)
{
	return sim_store_id(r->path_arg, STR("file-"), id) == 0;
}

void sim_openai_file_get(struct sim_req *r)
{
	uint64_t id;

	if (file_id(r, &id) && sim_store_file_put(r->conf->store, id, &r->json))
		sim_answer_json(r, 200, false);
	else
		no_such(r, STR("No such File object: "));
}

/* The true size: what was not kept is filler. */
void sim_openai_file_content(struct sim_req *r)
{
	uint64_t id, bytes;

	if (file_id(r, &id) && sim_store_file_content(r->conf->store, id, &r->json, &bytes))
		sim_answer_bytes(r, STR("application/octet-stream"), bytes, false);
	else
		no_such(r, STR("No such File object: "));
}

void sim_openai_file_delete(struct sim_req *r)
{
	uint64_t id;

	if (!file_id(r, &id) || !sim_store_file_delete(r->conf->store, id)) {
		no_such(r, STR("No such File object: "));
		return;
	}
	sim_buf_lit(&r->json, "{\"id\":\"file-");
	sim_buf_hex16(&r->json, id);
	sim_buf_lit(&r->json, "\",\"object\":\"file\",\"deleted\":true}\n");
	sim_answer_json(r, 200, false);
}

/* ---- batches: created as validating, and so they stay */

void sim_openai_batch_create(struct sim_req *r)
{
	struct json_watch w[] = { { STR("input_file_id"), { 0 } }, { STR("endpoint"), { 0 } },
		{ STR("completion_window"), { 0 } } };
	struct sim_buf *b = &r->json;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0)
		return;
	if (w[0].val.type != JSON_STRING || w[1].val.type != JSON_STRING) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("'input_file_id' and 'endpoint' are required."), STR("input_file_id"));
		return;
	}
	sim_buf_lit(b, "{\"id\":\"");
	sim_put_id(r, b, STR("batch_"));
	sim_buf_lit(b, "\",\"object\":\"batch\",\"endpoint\":");
	sim_buf_add(b, w[1].val.raw);
	sim_buf_lit(b, ",\"input_file_id\":");
	sim_buf_add(b, w[0].val.raw);
	sim_buf_lit(b, ",\"completion_window\":");
	sim_buf_add(b, w[2].val.type == JSON_STRING ? w[2].val.raw : STR("\"24h\""));
	sim_buf_lit(b, ",\"status\":\"validating\",\"errors\":null,\"output_file_id\":null,"
		       "\"created_at\":");
	sim_buf_u64(b, sim_created(r));
	sim_buf_lit(b, ",\"request_counts\":{\"total\":0,\"completed\":0,\"failed\":0},"
		       "\"metadata\":null}");
	sim_store_batch_add(r->conf->store, r->id, sim_buf_str(b));
	sim_answer_json(r, 200, false);
}

void sim_openai_batch_list(struct sim_req *r)
{
	sim_buf_lit(&r->json, "{\"object\":\"list\",\"data\":[");
	sim_store_batch_list(r->conf->store, &r->json);
	sim_buf_lit(&r->json, "],\"has_more\":false}\n");
	sim_answer_json(r, 200, false);
}

void sim_openai_batch_get(struct sim_req *r)
{
	uint64_t id;

	if (sim_store_id(r->path_arg, STR("batch_"), &id) == 0 &&
		sim_store_batch_put(r->conf->store, id, &r->json))
		sim_answer_json(r, 200, false);
	else
		no_such(r, STR("No such batch: "));
}
