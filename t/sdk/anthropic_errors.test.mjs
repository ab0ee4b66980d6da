// Errors with the @anthropic-ai/sdk package: typed classes, retries, streams that break off.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { billed, brokenStream, faulty, start } from './start.mjs';

const ASK = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] };
let up;

const client = (more = {}) => new Anthropic({ apiKey: up.key, authToken: null, baseURL: up.url, maxRetries: 0, ...more });
const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	// its base is APIError: a gateway that is not there must not pass for one that answers with an error
	if (!(type.prototype instanceof Anthropic.APIConnectionError)) assert.ok(!(err instanceof Anthropic.APIConnectionError), `${err}`);
	return err;
});
const kind = (err) => err.error?.error?.type;

before(async () => {
	up = await start();
});

test('401: an unknown key, in either header, with a request id to quote', async () => {
	for (const keys of [{ apiKey: 'nobody' }, { apiKey: null, authToken: 'nobody' }]) {
		const err = await failure(client(keys).messages.create(ASK), Anthropic.AuthenticationError);
		assert.equal(kind(err), 'authentication_error');
		assert.equal(err.error.type, 'error');
		assert.match(err.error.request_id, /^req_/);
		assert.match(err.headers.get('x-tollgate-request-id'), /^req_/);
		assert.ok(err.requestID, 'the SDK finds the id where it looks for it (request-id)');
	}
});

test('403: a model this key may not use', async () => {
	const err = await failure(client({ apiKey: up.narrowKey }).messages.create({ ...ASK, model: 'claude-sonnet-4-5' }),
		Anthropic.PermissionDeniedError);
	assert.equal(kind(err), 'permission_error');
});

test('404: a model nobody configured, and one the provider does not know', async () => {
	for (const model of ['claude-0', 'gone-claude']) {
		const err = await failure(client().messages.create({ ...ASK, model }), Anthropic.NotFoundError);
		assert.equal(kind(err), 'not_found_error');
	}
});

test('400: what the provider refuses, as the provider said it', async () => {
	const err = await failure(client().messages.create({ model: ASK.model, messages: ASK.messages }),
		Anthropic.BadRequestError);
	assert.equal(kind(err), 'invalid_request_error');
	assert.match(err.message, /max_tokens/);
});

test('413: a body larger than the gateway takes', async () => {
	const err = await failure(client().messages.create(
		{ ...ASK, messages: [{ role: 'user', content: 'x'.repeat(2 << 20) }] }), Anthropic.APIError);
	assert.equal(err.status, 413);
	assert.equal(kind(err), 'request_too_large');
});

test('429 with Retry-After, and 529 overloaded', async () => {
	const rate = await failure(client().messages.create(ASK,
		{ headers: { 'x-sim-fault': '429', 'x-sim-retry-after': '7' } }), Anthropic.RateLimitError);
	assert.equal(rate.headers.get('retry-after'), '7');
	const over = await failure(client().messages.create(ASK, { headers: { 'x-sim-fault': '529' } }), Anthropic.APIError);
	assert.equal(over.status, 529);
	assert.equal(kind(over), 'overloaded_error');
});

test('the SDK retries a 429, a 500 and a 529 until it succeeds', async () => {
	for (const status of ['429', '500', '529']) {
		const fetch = faulty(status, 1, { 'x-sim-retry-after': 'none' });
		assert.equal((await client({ fetch, maxRetries: 2 }).messages.create(ASK)).type, 'message');
		assert.equal(fetch.attempts, 2, status);
	}
});

test('a provider that drops the connection is a 502, which the SDK retries', async () => {
	const once = faulty('reset', 1);
	assert.ok((await client({ fetch: once, maxRetries: 1 }).messages.create(ASK)).id);
	const err = await failure(client().messages.create(ASK, { headers: { 'x-sim-fault': 'reset' } }),
		Anthropic.InternalServerError);
	assert.equal(err.status, 502);
	assert.equal(kind(err), 'api_error');
});

test('the SDK\'s own timeout cancels a stream at the provider', async () => {
	await failure(client({ timeout: 200 }).messages.create({ ...ASK, model: 'claude-sonnet-4-5', stream: true },
		{ headers: { 'x-sim-ttft': '60s' } }), Anthropic.APIConnectionTimeoutError);
	assert.equal((await billed(up, 'the cancelled request', (e) => e.model === 'claude-sonnet-4-5')).cancelled, true);
});

test('a stream that breaks off is an APIError, whichever way it breaks', async () => {
	for (const fault of ['truncate@5', 'reset@3000', 'bad-chunk', 'stream-error@5']) {
		const asked = client().messages.create({ ...ASK, stream: true }, { headers: { 'x-sim-fault': fault } });
		const stream = await asked.catch((error) => ({ error }));
		const { events, error } = stream.error && !stream.controller ? { events: [], error: stream.error } : await brokenStream(stream);
		assert.ok(error instanceof Anthropic.APIError && !(error instanceof Anthropic.APIConnectionError), `${fault}: ${error}`);
		assert.ok(events.length > 0 || fault === 'bad-chunk', fault);
	}
});

test('the stream helper fails too', async () => {
	const stream = client().messages.stream(ASK, { headers: { 'x-sim-fault': 'truncate@5' } });
	await failure(stream.finalMessage(), Anthropic.APIError);
});

test('after all these failures the gateway still answers', async () => {
	assert.equal((await client().messages.create(ASK)).type, 'message');
});
