/*
 * sim_text.c: hashing, lorem text, embeddings and the small number formats of the command line.
 */
#include "sim/sim_text.h"

#include "base/num.h"

static const char words[64][SIM_TOKEN_BYTES + 1] = { "lor ", "ips ", "dol ", "sit ", "ame ", "con ",
	"sec ", "tet ", "adi ", "pis ", "eli ", "sed ", "eiu ", "tem ", "inc ", "lab ", "ore ",
	"mag ", "ali ", "qua ", "eni ", "min ", "ven ", "qui ", "nos ", "exe ", "ull ", "nis ",
	"exc ", "dui ", "aut ", "iru ", "rep ", "vol ", "vel ", "ess ", "cil ", "fug ", "nul ",
	"par ", "sin ", "occ ", "cup ", "pro ", "sun ", "cul ", "off ", "des ", "mol ", "ani ",
	"est ", "per ", "nat ", "omn ", "ist ", "err ", "acc ", "the ", "lau ", "tot ", "rem ",
	"ape ", "ips ", "inv " };

uint64_t sim_mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15u;
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

uint64_t sim_hash(uint64_t h, struct str s)
{
	uint64_t w;

	h ^= s.n * 0x9e3779b97f4a7c15u;
	while (s.n >= 8) {
		w = 0;
		for (unsigned i = 0; i < 8; i++)
			w |= (uint64_t)(unsigned char)s.p[i] << 8 * i;
		h = (h ^ w) * 0x9fb21c651e98df25u;
		h ^= h >> 29;
		s = str_skip(s, 8);
	}
	w = 0;
	for (unsigned i = 0; i < s.n; i++)
		w |= (uint64_t)(unsigned char)s.p[i] << 8 * i;
	return sim_mix(h ^ w);
}

void sim_text_put(struct sim_buf *b, uint64_t seed, uint64_t from, uint64_t to)
{
	char *o = sim_buf_room(b, (to - from) * SIM_TOKEN_BYTES);

	for (uint64_t t = from; t < to; t++, o += SIM_TOKEN_BYTES)
		memcpy(o, words[sim_mix(seed + t) >> 58], SIM_TOKEN_BYTES);
	b->n += (to - from) * SIM_TOKEN_BYTES;
}

/* Integer square root, rounding down. */
static uint64_t isqrt(uint64_t v)
{
	uint64_t r = 0;

	for (uint64_t bit = (uint64_t)1 << 31; bit != 0; bit >>= 1)
		if ((r + bit) * (r + bit) <= v)
			r += bit;
	return r;
}

int32_t sim_embed_micro(uint64_t seed, unsigned i, unsigned dims)
{
	/* Uniform in (-a, a) has variance a^2/3; a = sqrt(3/dims) makes the expected length 1. */
	int64_t a = (int64_t)isqrt(3000000000000u / (dims != 0 ? dims : 1));
	int64_t r = (int64_t)(sim_mix(seed ^ ((uint64_t)i + 1) * 0x2545f4914f6cdd1du) >> 33);

	return (int32_t)(r % (2 * a + 1) - a);
}

int sim_parse_bytes(struct str s, uint64_t *out)
{
	unsigned shift = 0;
	uint64_t v;

	if (s.n != 0 && (s.p[s.n - 1] | 0x20) == 'k')
		shift = 10;
	else if (s.n != 0 && (s.p[s.n - 1] | 0x20) == 'm')
		shift = 20;
	else if (s.n != 0 && (s.p[s.n - 1] | 0x20) == 'g')
		shift = 30;
	if (num_parse_u64(str_mk(s.p, s.n - (shift != 0)), &v) != 0 || v > (uint64_t)1 << 53)
		return -1;
	if (shift != 0 && v > (uint64_t)1 << 23)
		return -1;
	*out = v << shift;
	return 0;
}

int sim_parse_us(struct str s, int64_t *out)
{
	static const struct {
		struct str suffix;
		unsigned scale; /* power of ten to microseconds */
	} unit[] = { { { "us", 2 }, 0 }, { { "ms", 2 }, 3 }, { { "s", 1 }, 6 }, { { "", 0 }, 3 } };
	int64_t v;

	for (size_t i = 0; i < TG_ARRAY_LEN(unit); i++) {
		if (!str_ends(s, unit[i].suffix))
			continue;
		s.n -= unit[i].suffix.n;
		if (num_parse_decimal(s, unit[i].scale, &v) != 0 || v < 0 || v > 86400000000)
			return -1;
		*out = v;
		return 0;
	}
	return -1;
}

int sim_parse_cancel(struct str s, enum sim_cancel *out)
{
	static const struct str word[] = { STR("partial"), STR("full"), STR("free") };

	for (unsigned i = 0; i < TG_ARRAY_LEN(word); i++)
		if (str_eq(s, word[i])) {
			*out = (enum sim_cancel)i;
			return 0;
		}
	return -1;
}
