// Limits, as the SDKs see them: a spent one is the exception that an application catches, and no SDK tries again (the
// gateway's access log counts what reached it); a rate is waited for, and the application sees nothing of it.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import OpenAIv4 from 'openai-v4';
import { start } from './start.mjs';

const hello = [{ role: 'user', content: 'hello' }];
const openai = (Package) => (apiKey, more = {}) => {
	const client = new Package({ apiKey, baseURL: `${up.url}/v1`, ...more });
	return (max_tokens = 10) => client.chat.completions.create({ model: 'gpt-4o-mini', max_tokens, messages: hello });
};
const SDKS = {
	openai: { Package: OpenAI, asker: openai(OpenAI), code: (err) => err.code, spent: 'insufficient_quota' },
	'openai-v4': { Package: OpenAIv4, asker: openai(OpenAIv4), code: (err) => err.code, spent: 'insufficient_quota' },
	anthropic: {
		Package: Anthropic,
		asker: (apiKey, more = {}) => {
			const client = new Anthropic({ apiKey, authToken: null, baseURL: up.url, ...more });
			return (max_tokens = 10) => client.messages.create({ model: 'claude-haiku-4-5', max_tokens, messages: hello });
		},
		code: (err) => err.error?.error?.type,
		spent: 'billing_error',
		limits: { money: '{ cost: 0.04 usd/day }' },
	},
};
const LIMITS = {
	spent: '{ requests: 1/day }',
	money: '{ cost: 0.005 usd/day }', // some eight thousand output tokens of gpt-4o-mini
	// thirty at once, and one more every two seconds: refused on the slowest machine, and soon over
	rate: '{ requests: 30/m }',
};
let up;

before(async () => {
	const tenants = {};
	for (const [sdk, own] of Object.entries(SDKS))
		for (const [name, limits] of Object.entries({ ...LIMITS, ...own.limits })) tenants[`${sdk}-${name}`] = `limits: ${limits}`;
	up = await start({ workers: 1, tenants });
});

const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	return err;
});

/** What reached the gateway of a tenant: its lines, once that of a request sent afterwards is there. */
async function reached(tenant) {
	const answer = await fetch(`${up.url}/v1/models`, { headers: { authorization: `Bearer ${up.key}` } });
	await up.logged(answer.headers.get('x-tollgate-request-id'));
	return up.loggedOf(tenant);
}

for (const [sdk, { Package, asker, code, spent }] of Object.entries(SDKS)) {
	test(`${sdk}: a spent limit is a RateLimitError, and is not tried again`, async () => {
		const tenant = `${sdk}-spent`, ask = asker(up.keys[tenant], { maxRetries: 5 });
		assert.ok((await ask()).id);
		const err = await failure(ask(), Package.RateLimitError);
		assert.equal(err.status, 429);
		assert.equal(code(err), spent);
		const id = new Headers(err.headers).get('x-tollgate-request-id');
		assert.ok(id);
		const lines = await reached(tenant);
		assert.deepEqual(lines.map((l) => l.status), [200, 429], 'one request for each call');
		assert.equal(lines[1].id, id);
		assert.equal(lines[1].error, 'insufficient_quota');
		assert.equal(lines[1].usage, undefined);
	});

	test(`${sdk}: a request that would be too dear is told what fits, and that fits`, async () => {
		const tenant = `${sdk}-money`, ask = asker(up.keys[tenant]);
		const err = await failure(ask(9000), Package.RateLimitError);
		// as many digits as 9000: its bytes count as input
		const fits = Number(new Headers(err.headers).get('x-tollgate-max-affordable-tokens'));
		// as many digits as 9000, because the body's bytes count as input
		assert.ok(fits >= 1000 && fits < 9000, `${fits}`);
		await failure(ask(fits + 1), Package.RateLimitError);
		assert.ok((await ask(fits)).id);
		assert.deepEqual((await reached(tenant)).map((l) => l.status), [429, 429, 200]);
	});

	test(`${sdk}: a rate is waited for, and the call succeeds`, { timeout: 60_000 }, async () => {
		const tenant = `${sdk}-rate`, ask = asker(up.keys[tenant], { maxRetries: 3 });
		let calls = 0, lines;
		do {
			assert.ok((await ask()).id);
			calls++;
			lines = await reached(tenant);
		} while (lines.length === calls);
		const refused = lines.filter((l) => l.status === 429);
		assert.equal(refused.length, lines.length - calls);
		assert.equal(refused[0].error, 'rate_limit_exceeded');
		assert.equal(lines.at(-1).status, 200);
	});
}
