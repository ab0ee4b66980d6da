/*
 * json_oracle.c: asks jansson, with the content taken out of strings and numbers: there it is
 * stricter than json_scan says it is (UTF-8, lone surrogates, NUL, size).
 */
#include "fuzz/json_oracle.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A number's digits but the first of the integer part become 0, those of the exponent too. */
static size_t blank_number(char *p, size_t n)
{
	size_t i = *p == '-';

	for (i += i < n && is_digit(p[i]); i < n; i++) {
		if (is_digit(p[i]))
			p[i] = '0';
		else if (p[i] != '.' && p[i] != 'e' && p[i] != 'E' && p[i] != '+' && p[i] != '-')
			break;
	}
	return i;
}

/* An escape's length and that of its text stay, so borders stay where they are. */
static size_t blank_string(char *p, size_t n)
{
	size_t i = 1;

	for (; i < n && p[i] != '"'; i++) {
		if (p[i] == '\\' && i + 1 < n)
			p[i++] = 'x';
		p[i] = 'x';
	}
	return i < n ? i + 1 : n;
}

bool json_oracle_accepts(const char *text, size_t n)
{
	char *copy = malloc(n + 1);
	json_error_t error;
	json_t *tree;
	bool ok;

	memcpy(copy, text, n);
	for (size_t i = 0; i < n;) {
		if (copy[i] == '"')
			i += blank_string(copy + i, n - i);
		else if (copy[i] == '-' || is_digit(copy[i]))
			i += blank_number(copy + i, n - i);
		else
			i++;
	}
	tree = json_loadb(copy, n, 0, &error);
	ok = tree != NULL || json_error_code(&error) == json_error_numeric_overflow;
	json_decref(tree);
	free(copy);
	return ok;
}
