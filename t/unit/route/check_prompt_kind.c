/*
 * check_prompt_kind.c: sentences as people write them, and what is told of them.
 */
#include "unit/unit.h"

#include "base/defs.h"
#include "route/prompt_kind.h"

static const struct {
	const char *text, *code;
} sentences[] = {
	{ "How do I bake a sourdough bread without a starter?", "en" },
	{ "Please summarise this article for my team.", "en" },
	{ "What is the capital of France", "en" },
	{ "WHAT IS THE TIME IN TOKYO", "en" },
	{ "Wie backe ich ein Brot ohne Hefe?", "de" },
	{ "Bitte fasse den Artikel für mich zusammen.", "de" },
	{ "Die Größe der Datei ist nicht bekannt, was kann ich tun?", "de" },
	{ "Quelle est la capitale de l'Allemagne ?", "fr" },
	{ "Écris une lettre pour mon propriétaire, avec les dates.", "fr" },
	{ "¿Cómo se dice esto en inglés? No lo sé.", "es" },
	{ "Escribe un resumen de los últimos correos para el equipo.", "es" },
	{ "Qual é a melhor forma de aprender uma língua?", "pt" },
	{ "Você não sabe como fazer isso para mim?", "pt" },
	{ "Come posso cucinare il risotto con i funghi? Non sono un cuoco.", "it" },
	{ "Hoe kan ik een fiets repareren die niet meer remt?", "nl" },
	{ "Wat is het verschil tussen deze en die van gisteren?", "nl" },
	{ "Jak napisać list do urzędu, który nie odpowiada?", "pl" },
	{ "Hur lagar jag en cykel som inte bromsar?", "sv" },
	{ "Bana bu konu için bir özet yazar mısın?", "tr" },
	{ "Как мне написать письмо и не забыть про сроки?", "ru" },
	{ "Як мені написати листа та що для цього є?", "uk" },
	{ "Πώς μαγειρεύω μουσακά;", "el" },
	{ "איך אופים לחם?", "he" },
	{ "كيف أكتب رسالة رسمية؟", "ar" },
	{ "मुझे एक पत्र लिखना है", "hi" },
	{ "ช่วยเขียนจดหมายให้หน่อย", "th" },
	{ "이 글을 요약해 주세요", "ko" },
	{ "この記事を要約してください。", "ja" },
	{ "请帮我总结这篇文章。", "zh" },
	{ "Translate: 请帮我总结这篇文章, 谢谢你的帮助, 我们明天再谈", "zh" },
	/* too little, mixed, or nobody's: no guess */
	{ "", "unknown" },
	{ "ok", "unknown" },
	{ "12345 67890 !!! ???", "unknown" },
	{ "xkcd qwerty asdf zxcv", "unknown" },
	{ "Zdravo prijatelju", "unknown" },
	{ "hello привет hello привет", "unknown" },
	{ "\xff\xfe\x80\xc3", "unknown" },
	{ "\xe2\x82", "unknown" },
};

START_TEST(language)
{
	enum prompt_language l = prompt_language_of(str_z(sentences[_i].text));

	ck_assert_msg(strcmp(prompt_language_code(l), sentences[_i].code) == 0, "%s: %s, not %s",
		sentences[_i].text, prompt_language_code(l), sentences[_i].code);
	ck_assert_int_eq(prompt_language_named(str_z(sentences[_i].code)), l);
}
END_TEST

START_TEST(names)
{
	ck_assert_int_eq(prompt_language_named(STR("xx")), PROMPT_LANGUAGE__MAX);
	ck_assert_int_eq(prompt_language_named(STR("DE")), PROMPT_LANGUAGE__MAX);
	for (unsigned i = 0; i < PROMPT_LANGUAGE__MAX; i++)
		ck_assert_int_eq(
			prompt_language_named(str_z(prompt_language_code((enum prompt_language)i))),
			i);
}
END_TEST

static const struct {
	const char *text;
	bool code;
} texts[] = {
	{ "Why is this slow?\n```python\nx\n```", true },
	{ "  ~~~\nx", true },
	{ "def add(a, b):\n    return a + b\n\nprint(add(1, 2))", true },
	{ "Fix it:\n\nint main(void)\n{\n\tint x = 1;\n\treturn x;\n}", true },
	{ "const result = await fetchAll(url, options);\nconsole.log(result);", true },
	{ "for (i = 0; i < n; i++) sum += a[i];", true },
	{ "<div class=\"a\">\n<p>Hello</p>\n</div>", true },
	{ "{\n  \"a\": [1, 2],\n  \"b\": {}\n}", true },
	{ "SELECT user_id FROM a_table\nWHERE user_id >= 7 AND b_b = 'x';", true },
	{ "", false },
	{ "What is the capital of France?", false },
	{ "- first point (with a remark)\n- second point (with another)\n* third: **bold** text",
		false },
	{ "| name | price |\n|------|-------|\n| tea | $4 |", false },
	{ "See https://example.com/a?b=c&d=e for more, and mail me@example.com.", false },
	{ "Dear Sir; I write to you today; with regards.\nThe weather was fine.", false },
	{ "Is 2 + 2 = 4?", false },
	{ "(a) the first; (b) the second; (c) the third, all of which matter a great deal to us "
	  "here "
	  "and now, and again",
		false },
	{ "An inline `x = 1` is not much of a program, is it?", false },
};

START_TEST(code)
{
	ck_assert_msg(
		prompt_is_code(str_z(texts[_i].text)) == texts[_i].code, "%s", texts[_i].text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, language, 0, TG_ARRAY_LEN(sentences));
	tcase_add_test(tc, names);
	tcase_add_loop_test(tc, code, 0, TG_ARRAY_LEN(texts));
}

UNIT_MAIN("prompt_kind", tests)
