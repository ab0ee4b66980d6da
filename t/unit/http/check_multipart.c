/*
 * check_multipart.c: forms cut in two at every byte, in three, and byte by byte; boundaries that
 * nearly match; and every way to make two parsers see different fields.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "proto/multipart.h"

#define TYPE  "multipart/form-data; boundary=bound"
#define PART  "Content-Disposition: form-data; name="
#define FIRST "--bound\r\n" PART
#define NEXT  "\r\n--bound\r\n" PART
#define CLOSE "\r\n--bound--\r\n"

struct outcome {
	enum multipart_rc rc;
	char value[MULTIPART_MAX_VALUE];
	size_t value_len;
	uint64_t from, to;
	bool found;
};

/* The value is copied where it is reported, as a caller would. */
static void feed(struct multipart *m, const char *p, size_t n, struct outcome *o)
{
	struct str in = str_mk(p, n);
	size_t used;

	do {
		o->rc = multipart_feed(m, in, &used);
		ck_assert_uint_le(used, in.n);
		in = str_skip(in, used);
		if (o->rc == MULTIPART_FOUND) {
			ck_assert(!o->found);
			o->found = true;
			memcpy(o->value, m->value.p, m->value.n);
			o->value_len = m->value.n;
			o->from = m->value_from;
			o->to = m->value_to;
		}
	} while (o->rc == MULTIPART_FOUND);
	if (o->rc != MULTIPART_BAD)
		ck_assert_uint_eq(in.n, 0);
}

struct wanted {
	struct str text;
	const char *value; /* NULL: not found */
	enum multipart_rc rc;
	const char *err;
};

static void check_outcome(
	const struct outcome *o, const struct wanted *w, const struct multipart *m)
{
	ck_assert_msg(o->rc == w->rc, "got %d (%s), want %d for: %.*s", o->rc, m->err, w->rc,
		STR_FMT(w->text));
	if (w->err != NULL)
		ck_assert_msg(m->err != NULL && strstr(m->err, w->err) != NULL, "%s, not %s",
			m->err, w->err);
	if (w->rc == MULTIPART_BAD)
		return;
	ck_assert_msg(
		o->found == (w->value != NULL), "found %d in: %.*s", o->found, STR_FMT(w->text));
	ck_assert_uint_eq(m->offset, w->text.n);
	if (o->found) {
		struct str v = str_mk(o->value, o->value_len);

		UNIT_STR_EQ(v, str_z(w->value));
		UNIT_STR_EQ(str_mk(w->text.p + o->from, (size_t)(o->to - o->from)), v);
	}
}

static void two(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	struct outcome o = { .found = false };
	struct multipart m;

	ck_assert_int_eq(multipart_init(&m, STR(TYPE), STR("model")), 0);
	feed(&m, a, an, &o);
	if (o.rc != MULTIPART_BAD)
		feed(&m, b, bn, &o);
	check_outcome(&o, arg, &m);
}

static void by_steps(const struct wanted *w, size_t step)
{
	struct outcome o = { .found = false };
	struct multipart m;

	ck_assert_int_eq(multipart_init(&m, STR(TYPE), STR("model")), 0);
	for (size_t i = 0; i < w->text.n && o.rc != MULTIPART_BAD; i += step)
		feed(&m, w->text.p + i, TG_MIN(step, w->text.n - i), &o);
	check_outcome(&o, w, &m);
}

static const struct wanted good[] = {
	{ STR(FIRST "\"model\"\r\n\r\nwhisper-1" CLOSE), "whisper-1", MULTIPART_END, NULL },
	{ STR(FIRST "model\r\n\r\nw" CLOSE), "w", MULTIPART_END, NULL },
	{ STR(FIRST "\"model\"\r\n\r\n" CLOSE), "", MULTIPART_END, NULL },
	{ STR("\r\n" FIRST "\"model\"\r\n\r\nw" CLOSE), "w", MULTIPART_END, NULL },
	{ STR("preamble\r\nmore --bound\r\n\r\n" FIRST "\"model\"\r\n\r\nw" CLOSE
	      "epilogue\r\n--bound\r\nx"),
		"w", MULTIPART_END, NULL },
	{ STR("--bound \t\r\n" PART "\"model\"\r\n\r\nw\r\n--bound-- x"), "w", MULTIPART_END,
		NULL },
	/* the field is there, the end not yet */
	{ STR(FIRST "\"model\"\r\n\r\nw\r\n--bound"), "w", MULTIPART_MORE, NULL },
	{ STR(FIRST "\"model\"\r\n\r\nw\r\n--boun"), NULL, MULTIPART_MORE, NULL },
	/* near misses of the boundary, in a file and in the value itself */
	{ STR(FIRST "\"file\"; filename=\"a\"\r\nContent-Type: "
		    "x/y\r\n\r\n\r\n--boun\r\n--bounc\r\r\n-\r\n"
		    "\r\n--\r\n--b\r\n--bo\0\xff\n--bound\r" NEXT "\"model\"\r\n\r\nw" CLOSE),
		"w", MULTIPART_END, NULL },
	{ STR(FIRST "\"model\"\r\n\r\n\r\n--bou\r\n--boun\r\r\n\r\n-\n--bound\r" CLOSE),
		"\r\n--bou\r\n--boun\r\r\n\r\n-\n--bound\r", MULTIPART_END, NULL },
	{ STR(FIRST "\"model\"\r\n\r\n--boun" CLOSE), "--boun", MULTIPART_END, NULL },
	{ STR(FIRST "\"model\"\r\n\r\n-\r" CLOSE), "-\r", MULTIPART_END, NULL },
	/* names */
	{ STR(FIRST "\"file\"; filename=\"model\"\r\n\r\nx" CLOSE), NULL, MULTIPART_END, NULL },
	{ STR(FIRST "\"file\"; filename=\"; name=model; \"\r\n\r\nx" CLOSE), NULL, MULTIPART_END,
		NULL },
	{ STR(FIRST "\"f\"; filename=\"a \\\"b\\\".mp3\"\r\n\r\nx" NEXT "\"model\"\r\n\r\nw" CLOSE),
		"w", MULTIPART_END, NULL },
	{ STR(FIRST "\"Model\"\r\n\r\nx" NEXT "\"models\"\r\n\r\nx" NEXT "\"mode\"\r\n\r\nx" CLOSE),
		NULL, MULTIPART_END, NULL },
	{ STR("--bound\r\ncontent-DISPOSITION:form-DATA;NAME=\"model\" ;x=y;\r\n\r\nw" CLOSE), "w",
		MULTIPART_END, NULL },
	{ STR(FIRST "\"model\"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: "
		    "text/plain\r\n\r\nw" CLOSE),
		"w", MULTIPART_END, NULL },
	/* a part without a head, and one without a name, are somebody else's */
	{ STR("--bound\r\n\r\nx\r\n--bound\r\nX: y\r\n\r\nx" NEXT "\"model\"\r\n\r\nw" CLOSE), "w",
		MULTIPART_END, NULL },
};

static const struct wanted refused[] = {
	{ STR(FIRST "\"model\"\r\n\r\na" NEXT "\"model\"\r\n\r\na" CLOSE), NULL, MULTIPART_BAD,
		"more than once" },
	{ STR(FIRST "\"model\"; name=\"x\"\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "twice" },
	{ STR(FIRST "\"mod\\el\"\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "backslash" },
	{ STR(FIRST "\"x\"; name*=utf-8''model\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "name*" },
	{ STR(FIRST "\"x\"; name*0=model\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "name*" },
	{ STR("--bound\r\nContent-Disposition: form-data; filename=\"a\\\"; name=\\\"model\"; "
	      "name=\"x\"\r\n\r\na" CLOSE),
		NULL, MULTIPART_BAD, "backslash" },
	{ STR(FIRST "\"model\"; filename=\"x\"\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "not plain" },
	{ STR(FIRST "\"model\"; filename*=utf-8''x\r\n\r\na" CLOSE), NULL, MULTIPART_BAD,
		"not plain" },
	{ STR(FIRST "\"model\"\r\nContent-Transfer-Encoding: base64\r\n\r\na" CLOSE), NULL,
		MULTIPART_BAD, "not plain" },
	{ STR(FIRST "\"x\"\r\n" PART "\"model\"\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "two" },
	{ STR("--bound\r\nContent-Disposition: attachment; name=model\r\n\r\na" CLOSE), NULL,
		MULTIPART_BAD, "form-data" },
	{ STR(FIRST "\"model\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "malformed" },
	{ STR(FIRST "\"model\"x\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "malformed" },
	{ STR(FIRST "\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "malformed" },
	{ STR("--bound\r\nContent-Disposition: form-data; name\r\n\r\na" CLOSE), NULL,
		MULTIPART_BAD, "malformed" },
	{ STR("--bound\r\nContent-Disposition: form-datax; name=a\r\n\r\na" CLOSE), NULL,
		MULTIPART_BAD, "malformed" },
	{ STR("--bound\r\nContent-Disposition : form-data; name=model\r\n\r\na" CLOSE), NULL,
		MULTIPART_BAD, "name: value" },
	{ STR("--bound\r\nX: y\r\n Content-Disposition: form-data; name=model\r\n\r\na" CLOSE),
		NULL, MULTIPART_BAD, "name: value" },
	{ STR(FIRST "\"mo\0del\"\r\n\r\na" CLOSE), NULL, MULTIPART_BAD, "control" },
	{ STR("--bound\r\nX: y\rContent-Disposition: form-data; name=model\r\n\r\na" CLOSE), NULL,
		MULTIPART_BAD, "control" },
	{ STR("--bound\n" PART "\"model\"\r\n\r\na" CLOSE), NULL, MULTIPART_BAD,
		"boundary is followed" },
	{ STR(FIRST "\"model\"\n\r\na" CLOSE), NULL, MULTIPART_BAD, "LF without CR" },
	{ STR(FIRST "\"x\"\r\n\r\na\r\n--boundary\r\n" CLOSE), NULL, MULTIPART_BAD,
		"boundary is followed" },
	{ STR(FIRST "\"x\"\r\n\r\na\r\n--bound-x" CLOSE), NULL, MULTIPART_BAD,
		"boundary is followed" },
	{ STR(FIRST "\"x\"\r\n\r\na\r\n--bound x" CLOSE), NULL, MULTIPART_BAD,
		"boundary is followed" },
	/* a lenient reader sees a delimiter where the body should begin */
	{ STR(FIRST "\"x\"\r\n\r\n--bound\r\n" PART "\"model\"\r\n\r\nw" CLOSE), NULL,
		MULTIPART_BAD, "begins with the boundary" },
};

static void check_all(const struct wanted *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct wanted copy = w[i];

		unit_split(copy.text.p, copy.text.n, two, &copy);
		by_steps(&copy, 1);
		by_steps(&copy, 3);
	}
}

START_TEST(accepted)
{
	check_all(good, TG_ARRAY_LEN(good));
}
END_TEST

START_TEST(bad_forms)
{
	check_all(refused, TG_ARRAY_LEN(refused));
}
END_TEST

/* Cut in three everywhere: the matcher's state survives two borders inside one boundary. */
START_TEST(three_parts)
{
	struct wanted w = { STR(FIRST "\"f\"\r\n\r\n\r\n--boun" NEXT
				      "\"model\"\r\n\r\n\r\r\n--w" CLOSE),
		"\r\r\n--w", MULTIPART_END, NULL };

	for (size_t a = 0; a <= w.text.n; a++) {
		for (size_t b = a; b <= w.text.n; b++) {
			struct outcome o = { .found = false };
			struct multipart m;

			ck_assert_int_eq(multipart_init(&m, STR(TYPE), STR("model")), 0);
			feed(&m, w.text.p, a, &o);
			feed(&m, w.text.p + a, b - a, &o);
			feed(&m, w.text.p + b, w.text.n - b, &o);
			check_outcome(&o, &w, &m);
		}
	}
}
END_TEST

START_TEST(sizes)
{
	static char text[8192];

	for (int n = MULTIPART_MAX_VALUE - 1; n <= MULTIPART_MAX_VALUE + 1; n++) {
		struct wanted w = { .rc = n <= MULTIPART_MAX_VALUE ? MULTIPART_END
								   : MULTIPART_BAD };
		static char value[MULTIPART_MAX_VALUE + 2];

		memset(value, 'v', (size_t)n);
		value[n] = '\0';
		w.value = value;
		w.text = str_mk(text, (size_t)sprintf(text, FIRST "model\r\n\r\n%s" CLOSE, value));
		unit_split(w.text.p, w.text.n, two, &w);
	}
	for (int n = MULTIPART_MAX_HEAD - 1; n <= MULTIPART_MAX_HEAD + 1; n++) {
		struct wanted w = { .rc = n <= MULTIPART_MAX_HEAD ? MULTIPART_END : MULTIPART_BAD };

		/* "X: " value CRLF CRLF is n bytes */
		w.text = str_mk(
			text, (size_t)sprintf(text, "--bound\r\nX: %0*d\r\n\r\n" CLOSE, n - 7, 0));
		by_steps(&w, 1000);
	}
}
END_TEST

static const struct {
	const char *type;
	const char *boundary; /* NULL: refused */
} types[] = {
	{ "multipart/form-data; boundary=bound", "bound" },
	{ "Multipart/Form-Data;BOUNDARY=\"a b\"", "a b" },
	{ "multipart/form-data; charset=utf-8 ; boundary=\"x:y/z=?\" ; z=1", "x:y/z=?" },
	{ "multipart/form-data; boundary=----=_Part_0:1/2", "----=_Part_0:1/2" },
	{ "multipart/form-data; "
	  "boundary=0123456789012345678901234567890123456789012345678901234567890123456789",
		"0123456789012345678901234567890123456789012345678901234567890123456789" },
	{ "multipart/form-data; "
	  "boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
		NULL },
	{ "multipart/form-data", NULL },
	{ "multipart/form-data; boundary=", NULL },
	{ "multipart/form-data; boundary=\"\"", NULL },
	{ "multipart/form-data; boundary=\"a \"", NULL },
	{ "multipart/form-data; boundary=\"a", NULL },
	{ "multipart/form-data; boundary=\"a\\b\"", NULL },
	{ "multipart/form-data; boundary=a; boundary=b", NULL },
	{ "multipart/form-data; boundary=a\xff", NULL },
	{ "multipart/form-data; boundary=a*b", NULL },
	{ "multipart/form-data; boundary=a b", NULL },
	{ "multipart/form-datax; boundary=a", NULL },
	{ "multipart/mixed; boundary=a", NULL },
	{ "application/json", NULL },
	{ "", NULL },
};

START_TEST(content_types)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(types); i++) {
		struct multipart m;
		int rc = multipart_init(&m, str_z(types[i].type), STR("model"));

		ck_assert_msg(rc == (types[i].boundary != NULL ? 0 : -1), "%s", types[i].type);
		if (rc == 0)
			UNIT_STR_EQ(str_mk(m.boundary + 4, m.boundary_len - 4u),
				str_z(types[i].boundary));
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, accepted);
	tcase_add_test(tc, bad_forms);
	tcase_add_test(tc, three_parts);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, content_types);
}

UNIT_MAIN("multipart", tests)
