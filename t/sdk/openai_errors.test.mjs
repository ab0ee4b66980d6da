// Errors with the openai package: each is the class an application catches, and the SDK's own retries work through
// the gateway as they do against the vendor.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI from 'openai';
import { billed, brokenStream, faulty, start } from './start.mjs';

const CHAT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] };
let up;

const client = (more = {}) => new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0, ...more });
const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	// its base is APIError: a gateway that is not there must not pass for one that answers with an error
	if (!(type.prototype instanceof OpenAI.APIConnectionError)) assert.ok(!(err instanceof OpenAI.APIConnectionError), `${err}`);
	return err;
});

before(async () => {
	up = await start({ openai: ', timeouts: { first_byte: 1s, between_bytes: 1s }' });
});

test('401: an unknown key, with a request id to quote', async () => {
	const err = await failure(client({ apiKey: 'sk-not-ours' }).chat.completions.create(CHAT), OpenAI.AuthenticationError);
	assert.equal(err.status, 401);
	assert.equal(err.code, 'invalid_api_key');
	assert.match(err.headers.get('x-tollgate-request-id'), /^req_/);
	assert.equal(err.requestID, err.headers.get('x-tollgate-request-id'));
	assert.ok(!err.message.includes('sk-not-ours'));
});

test('403: a model this key may not use', async () => {
	const err = await failure(client({ apiKey: up.narrowKey }).chat.completions.create({ ...CHAT, model: 'gpt-4o' }),
		OpenAI.PermissionDeniedError);
	assert.equal(err.code, 'model_not_allowed');
});

test('404: a model nobody configured, and one the provider does not know', async () => {
	const ours = await failure(client().chat.completions.create({ ...CHAT, model: 'gpt-99' }), OpenAI.NotFoundError);
	const theirs = await failure(client().chat.completions.create({ ...CHAT, model: 'gone' }), OpenAI.NotFoundError);
	assert.equal(ours.code, 'model_not_found');
	assert.match(ours.message, /gpt-99/);
	assert.equal(theirs.code, 'model_not_found');
	assert.ok(theirs.requestID, 'the provider\'s request id comes through');
});

test('400: what the provider refuses, as the provider said it', async () => {
	const err = await failure(client().chat.completions.create({ model: 'gpt-4o-mini' }), OpenAI.BadRequestError);
	assert.equal(err.param, 'messages');
	assert.equal(err.type, 'invalid_request_error');
});

test('400: a request without a model', async () => {
	const err = await failure(client().chat.completions.create({ messages: CHAT.messages }), OpenAI.BadRequestError);
	assert.equal(err.code, 'missing_model');
});

test('413: a body larger than the gateway takes', async () => {
	const content = 'x'.repeat(2 << 20);
	const err = await failure(client().chat.completions.create({ ...CHAT, messages: [{ role: 'user', content }] }),
		OpenAI.APIError);
	assert.equal(err.status, 413);
	assert.equal(err.code, 'request_too_large');
});

test('404: an unknown path, named', async () => {
	const err = await failure(client().get('/no/such/path'), OpenAI.NotFoundError);
	assert.match(err.message, /No such path/);
});

test('429: the provider\'s Retry-After reaches the application', async () => {
	const err = await failure(client().chat.completions.create(CHAT,
		{ headers: { 'x-sim-fault': '429', 'x-sim-retry-after': '7' } }), OpenAI.RateLimitError);
	assert.equal(err.code, 'rate_limit_exceeded');
	assert.equal(err.headers.get('retry-after'), '7');
});

test('the SDK retries a 429, a 500, a 503 and a 408 until it succeeds', async () => {
	for (const status of ['429', '500', '503', '408']) {
		const fetch = faulty(status, 1, { 'x-sim-retry-after': 'none' });
		const answer = await client({ fetch, maxRetries: 2 }).chat.completions.create(CHAT);
		assert.ok(answer.choices[0].message.content);
		assert.equal(fetch.attempts, 2, status);
	}
});

test('the SDK gives up after its retries, with the provider\'s error', async () => {
	const fetch = faulty('503', 9, { 'x-sim-retry-after': 'none' });
	const err = await failure(client({ fetch, maxRetries: 1 }).chat.completions.create(CHAT), OpenAI.InternalServerError);
	assert.equal(err.status, 503);
	assert.equal(fetch.attempts, 2);
});

test('the SDK does not retry a 400 of the provider', async () => {
	const fetch = faulty('400', 9);
	await failure(client({ fetch, maxRetries: 2 }).chat.completions.create(CHAT), OpenAI.BadRequestError);
	assert.equal(fetch.attempts, 1);
});

test('a provider that drops the connection is a 502, which the SDK retries', async () => {
	const once = faulty('reset', 1);
	assert.ok((await client({ fetch: once, maxRetries: 1 }).chat.completions.create(CHAT)).id);
	assert.equal(once.attempts, 2);
	const err = await failure(client().chat.completions.create(CHAT, { headers: { 'x-sim-fault': 'reset' } }),
		OpenAI.InternalServerError);
	assert.equal(err.status, 502);
	assert.equal(err.code, 'upstream_error');
});

test('a provider that never answers is a 504', async () => {
	const err = await failure(client().chat.completions.create(CHAT, { headers: { 'x-sim-fault': 'stall' } }),
		OpenAI.InternalServerError);
	assert.equal(err.status, 504);
});

test('the SDK\'s own timeout: the answer is made and billed all the same, and read on for its cost', async () => {
	await failure(client({ timeout: 200 }).chat.completions.create({ ...CHAT, model: 'gpt-4o' },
		{ headers: { 'x-sim-ttft': '800ms' } }), OpenAI.APIConnectionTimeoutError);
	const entry = await billed(up, 'the request', (e) => e.model === 'gpt-4o');
	assert.equal(entry.cancelled, false);
	assert.equal(entry.completed, true);
});

test('a body cut short by the provider is an error, not a short answer', async () => {
	for (const fault of ['truncate@300', 'reset@900', 'bad-chunk', 'bad-head'])
		assert.equal((await failure(client().chat.completions.create(CHAT, { headers: { 'x-sim-fault': fault } }),
			OpenAI.InternalServerError)).status, 502, fault);
});

test('a stream that breaks off is an APIError, whichever way it breaks', async () => {
	for (const fault of ['truncate@5', 'reset@3000', 'stall@5', 'bad-chunk', 'stream-error@5']) {
		const asked = client().chat.completions.create({ ...CHAT, stream: true }, { headers: { 'x-sim-fault': fault } });
		// a stream that is broken from its first chunk on may be refused as a whole
		const stream = await asked.catch((error) => ({ error }));
		const { events, error } = stream.error ? { events: [], error: stream.error } : await brokenStream(stream);
		assert.ok(error instanceof OpenAI.APIError && !(error instanceof OpenAI.APIConnectionError), `${fault}: ${error}`);
		assert.ok(events.length > 0 || fault === 'bad-chunk', fault);
	}
});

test('the stream helper fails too', async () => {
	const stream = client().chat.completions.stream(CHAT, { headers: { 'x-sim-fault': 'truncate@5' } });
	await failure(stream.finalChatCompletion(), OpenAI.APIError);
});

test('after all these failures the gateway still answers', async () => {
	assert.ok((await client().chat.completions.create(CHAT)).choices[0].message.content);
});
