/*
 * check_sim_form.c: multipart bodies, split at every byte; and the ones to refuse.
 */
#include "sim/sim_form.h"

#include "unit/unit.h"

#define TYPE "multipart/form-data; boundary=bb"

static const char body[] =
	"preamble\r\n--bb\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm-1\r\n"
	"--bb\r\ncontent-disposition: form-data; name=\"image[]\"; filename=\"a b.png\"\r\n"
	"Content-Type: image/png\r\n\r\n\r\n--b\r\n--bx\0\r\n\r\n"
	"--bb\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--bb--\r\nepilogue";
static const char file[] = "\r\n--b\r\n--bx\0\r\n";

static void check_split(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	struct sim_form *f = sim_form_new(STR(TYPE));
	const struct sim_part *part;
	uint8_t sha[SHA256_LEN];

	(void)arg;
	ck_assert_ptr_nonnull(f);
	sim_form_feed(f, str_mk(a, an));
	sim_form_feed(f, str_mk(b, bn));
	ck_assert(sim_form_ok(f));
	ck_assert_uint_eq(f->n_parts, 3);
	ck_assert(str_eq(sim_form_text(f, STR("model")), STR("m-1")));
	part = sim_form_get(f, STR("image"));
	ck_assert_ptr_nonnull(part);
	ck_assert(part->is_file);
	ck_assert(str_eq(sim_buf_str(&part->filename), STR("a b.png")));
	ck_assert(str_eq(sim_buf_str(&part->type), STR("image/png")));
	ck_assert(str_eq(sim_buf_str(&part->data), str_mk(file, sizeof file - 1)));
	digest_sha256(str_mk(file, sizeof file - 1), sha);
	ck_assert(memcmp(sha, part->sha, sizeof sha) == 0);
	ck_assert_ptr_nonnull(sim_form_get(f, STR("empty")));
	ck_assert_uint_eq(sim_form_text(f, STR("empty")).n, 0);
	sim_form_free(f);
}

START_TEST(every_split)
{
	unit_split(body, sizeof body - 1, check_split, NULL);
}
END_TEST

START_TEST(byte_by_byte)
{
	struct sim_form *f = sim_form_new(STR("multipart/form-data; charset=x; boundary=\"bb\""));

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < sizeof body - 1; i++)
		sim_form_feed(f, str_mk(body + i, 1));
	ck_assert(sim_form_ok(f));
	ck_assert_uint_eq(f->n_parts, 3);
	sim_form_free(f);
}
END_TEST

START_TEST(refused_types)
{
	static const char *const types[] = { "application/json", "multipart/form-data",
		"multipart/form-data; boundary=", "multipart/mixed; boundary=bb",
		("multipart/form-data; boundary="
		 "01234567890123456789012345678901234567890123456789"
		 "012345678901234567890") };

	for (size_t i = 0; i < TG_ARRAY_LEN(types); i++)
		ck_assert_msg(sim_form_new(str_z(types[i])) == NULL, "%s", types[i]);
}
END_TEST

START_TEST(refused_bodies)
{
	static const char *const bodies[] = { "", "--bb", "--bb\r\n", "--bb\r\na: b\r\n\r\ndata",
		"--bbx\r\n\r\n\r\n--bb--", "--bb\r\na: b\r\n\r\ndata\r\n--bb-x",
		"--bb\r\na: b\r\n\r\ndata\n--bb--" };

	for (size_t i = 0; i < TG_ARRAY_LEN(bodies); i++) {
		struct sim_form *f = sim_form_new(STR(TYPE));

		sim_form_feed(f, str_z(bodies[i]));
		ck_assert_msg(!sim_form_ok(f), "row %zu", i);
		sim_form_free(f);
	}
}
END_TEST

START_TEST(bounded)
{
	struct sim_form *f = sim_form_new(STR(TYPE));
	static char block[10000];

	sim_form_feed(f, STR("--bb\r\nContent-Disposition: form-data; name=\"file\"; "
			     "filename=\"f\"\r\n\r\n"));
	for (unsigned i = 0; i < 100; i++)
		sim_form_feed(f, str_mk(block, sizeof block));
	sim_form_feed(f, STR("\r\n--bb--"));
	ck_assert(sim_form_ok(f));
	ck_assert_uint_eq(f->part[0].bytes, 1000000);
	ck_assert_uint_eq(f->part[0].data.n, SIM_FORM_KEEP);
	ck_assert_uint_lt(f->hold.cap, 65536);
	sim_form_free(f);

	f = sim_form_new(STR(TYPE));
	sim_form_feed(f, STR("--bb\r\n"));
	for (unsigned i = 0; i < 10; i++)
		sim_form_feed(f, str_mk(block, sizeof block));
	ck_assert_int_eq(f->state, SIM_FORM_BAD);
	sim_form_free(f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, every_split);
	tcase_add_test(tc, byte_by_byte);
	tcase_add_test(tc, refused_types);
	tcase_add_test(tc, refused_bodies);
	tcase_add_test(tc, bounded);
}

UNIT_MAIN("sim_form", tests)
