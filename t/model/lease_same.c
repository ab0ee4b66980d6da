/*
 * lease_same.c: states that differ only by names are one state: which member is n1, which account
 * is x, and what the epochs are called. This divides the number of states, and makes it finite
 * although epochs begin without end.
 */
#include "model/lease.h"

#include <assert.h>
#include <string.h>

static void swap(void *a, void *b, size_t size)
{
	uint8_t copy[64];

	assert(size <= sizeof copy);
	memcpy(copy, a, size);
	memcpy(a, b, size);
	memcpy(b, copy, size);
}

static void swap_bits(uint8_t *bits)
{
	*bits = (uint8_t)((*bits & 1) << 1 | (*bits >> 1 & 1));
}

static void swap_members(struct lease *l)
{
	swap(&l->member[0], &l->member[1], sizeof l->member[0]);
	for (int i = 0; i < SERVERS; i++) {
		struct lease_server *server = &l->server[i];

		swap_bits(&server->asserted);
		for (int a = 0; a < ACCOUNTS; a++) {
			swap_bits(&server->synced[a]);
			swap(&server->g[a][0], &server->g[a][1], 1);
			swap(&server->s[a][0], &server->s[a][1], 1);
		}
	}
}

static void swap_accounts(struct lease *l)
{
	for (int m = 0; m < MEMBERS; m++) {
		struct lease_member *member = &l->member[m];

		swap_bits(&member->synced);
		swap(&member->g[0], &member->g[1], 1);
		swap(&member->s[0], &member->s[1], 1);
		swap(&member->h[0], &member->h[1], 1);
		swap(&member->unsaved[0], &member->unsaved[1], 1);
		swap(&member->reply[0], &member->reply[1], sizeof member->reply[0]);
		if (member->reply[0].kind != OP_NONE && member->reply[1].kind != OP_NONE)
			member->swapped = !member->swapped;
		for (int i = 0; i < OPS; i++)
			if (member->op[i].kind == OP_SYNC || member->op[i].kind == OP_RETURN)
				member->op[i].account = !member->op[i].account;
	}
	for (int i = 0; i < SERVERS; i++) {
		struct lease_server *server = &l->server[i];

		swap(&server->synced[0], &server->synced[1], 1);
		swap(server->g[0], server->g[1], MEMBERS);
		swap(server->s[0], server->s[1], MEMBERS);
	}
	swap(&l->unsaid[0], &l->unsaid[1], 1);
}

uint8_t lease_epoch_fields(struct lease *l, uint8_t **fields)
{
	uint8_t n = 0;

	for (int i = 0; i < SERVERS; i++)
		fields[n++] = &l->server[i].epoch;
	for (int m = 0; m < MEMBERS; m++) {
		struct lease_member *member = &l->member[m];

		fields[n++] = &member->epoch;
		fields[n++] = &member->mark;
		for (int i = 0; i < OPS; i++) {
			fields[n++] = &member->op[i].epoch;
			fields[n++] = &member->op[i].mark;
		}
		for (int a = 0; a < ACCOUNTS; a++)
			fields[n++] = &member->reply[a].epoch;
	}
	assert(n <= EPOCH_FIELDS);
	return n;
}

/* Only the order of epochs counts: those that are in use are numbered from 1. */
static void rename_epochs(struct lease *l)
{
	uint8_t *fields[EPOCH_FIELDS], n = lease_epoch_fields(l, fields);
	unsigned used = 0;

	for (int i = 0; i < n; i++)
		used |= 1u << *fields[i];
	used &= ~1u;
	for (int i = 0; i < n; i++)
		if (*fields[i])
			*fields[i] = (uint8_t)__builtin_popcount(used & ((2u << *fields[i]) - 1));
}

void lease_canonical(const struct variant *v, void *state)
{
	struct lease *l = state, best, now = *l;

	if (v->rules & LEASE_EPOCH)
		rename_epochs(&now);
	best = now;
	for (int turn = 1; turn < (v->accounts > 1 ? 4 : 2); turn++) {
		now = *l;
		if (turn & 1)
			swap_members(&now);
		if (turn & 2)
			swap_accounts(&now);
		if (v->rules & LEASE_EPOCH)
			rename_epochs(&now);
		if (memcmp(&now, &best, sizeof now) < 0)
			best = now;
	}
	*l = best;
}
