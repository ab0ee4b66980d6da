// What a single request may be, and answers that end where a limit has no room for more, as the SDKs see them: a short
// answer that says so, never an exception; and a ceiling that is refused once.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import OpenAIv4 from 'openai-v4';
import { start } from './start.mjs';

const hello = [{ role: 'user', content: 'hello' }];
const LONG = { 'x-sim-output-tokens': '3000', 'x-sim-events': '300', 'x-sim-tps': '1500' };
const NAMES = ['chat', 'chat-v4', 'chat-stream', 'responses', 'messages', 'messages-stream'];
let up;

before(async () => {
	const tenants = { clamped: 'max_tokens: 20', dear: 'max_cost: 0.001 usd' };
	for (const name of NAMES) tenants[name] = 'tier: small';
	up = await start({ workers: 1, tenants, tiers: 'tiers: { small: { hold: incremental, limits: { tokens: 2000/day } } }' });
});

const openai = (tenant, Package = OpenAI) => new Package({ apiKey: up.keys[tenant], baseURL: `${up.url}/v1`, defaultHeaders: LONG });
const anthropic = (tenant) => new Anthropic({ apiKey: up.keys[tenant], authToken: null, baseURL: up.url, defaultHeaders: LONG });

/** The gateway cut it, and charged what had come. */
async function cut(tenant) {
	const answer = await fetch(`${up.url}/v1/models`, { headers: { authorization: `Bearer ${up.key}` } });
	await up.logged(answer.headers.get('x-tollgate-request-id'));
	const lines = up.loggedOf(tenant);
	assert.deepEqual(lines.map((l) => [l.status, l.end]), [[200, 'budget']]);
	return lines[0].usage;
}

for (const [tenant, Package] of [['chat', OpenAI], ['chat-v4', OpenAIv4]]) {
	test(`openai ${tenant}: a stream ends with "length", and its usage`, async () => {
		const stream = await openai(tenant, Package).chat.completions.create({
			model: 'gpt-4o-mini', stream: true, max_tokens: 8000, messages: hello, stream_options: { include_usage: true } });
		let text = '', last, usage;
		for await (const chunk of stream) {
			text += chunk.choices[0]?.delta.content ?? '';
			last = chunk.choices[0]?.finish_reason ?? last;
			usage = chunk.usage ?? usage;
		}
		assert.equal(last, 'length');
		const charged = await cut(tenant);
		assert.equal(usage.completion_tokens, charged.output);
		assert.ok(text.length > 1000, `${text.length}`);
	});
}

test('openai: the helper of streams has a final completion', async () => {
	const runner = openai('chat-stream').chat.completions.stream({ model: 'gpt-4o-mini', max_tokens: 8000, messages: hello });
	let text = '';
	runner.on('content', (delta) => { text += delta; });
	// it is not whole, and the helper says so in its own way when it is asked to parse; here it is text
	const done = await runner.finalChatCompletion();
	assert.equal(done.choices[0].finish_reason, 'length');
	assert.equal(done.choices[0].message.content, text);
	await cut('chat-stream');
});

test('openai responses: incomplete, with the text as far as it came', async () => {
	const stream = await openai('responses').responses.create({
		model: 'gpt-4o-mini', stream: true, max_output_tokens: 8000, input: 'hello' });
	let text = '', whole;
	for await (const event of stream) {
		if (event.type === 'response.output_text.delta') text += event.delta;
		if (event.type === 'response.incomplete') whole = event.response;
	}
	assert.equal(whole.status, 'incomplete');
	assert.equal(whole.incomplete_details.reason, 'max_output_tokens');
	assert.equal(whole.output[0].content[0].text, text);
	assert.equal(whole.usage.output_tokens, (await cut('responses')).output);
});

test('anthropic: a stream ends with "max_tokens"', async () => {
	const stream = await anthropic('messages').messages.create({
		model: 'claude-haiku-4-5', stream: true, max_tokens: 8000, messages: hello });
	const types = [];
	let reason;
	for await (const event of stream) {
		types.push(event.type);
		if (event.type === 'message_delta') reason = event.delta.stop_reason;
	}
	assert.equal(reason, 'max_tokens');
	assert.deepEqual(types.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
	await cut('messages');
});

test('anthropic: the helper of streams has a final message', async () => {
	const message = await anthropic('messages-stream').messages.stream({
		model: 'claude-haiku-4-5', max_tokens: 8000, messages: hello }).finalMessage();
	assert.equal(message.stop_reason, 'max_tokens');
	assert.ok(message.content[0].text.length > 1000);
	assert.equal(message.usage.output_tokens, (await cut('messages-stream')).output);
});

test('a clamped answer is one that reached its limit', async () => {
	const { data, response } = await openai('clamped').chat.completions.create({ model: 'gpt-4o-mini', messages: hello }).withResponse();
	assert.equal(response.headers.get('x-tollgate-max-tokens-clamped'), '20');
	assert.equal(data.choices[0].finish_reason, 'length');
	assert.equal(data.usage.completion_tokens, 20);
	const message = await anthropic('clamped').messages.create({ model: 'claude-haiku-4-5', max_tokens: 1000, messages: hello });
	assert.equal(message.stop_reason, 'max_tokens');
	assert.equal(message.usage.output_tokens, 20);
});

test('a request above its ceiling is refused once', async () => {
	const failure = (promise) => promise.then(() => assert.fail('it succeeded'), (err) => err);
	const err = await failure(openai('dear').chat.completions.create({ model: 'gpt-4o-mini', max_tokens: 8000, messages: hello }));
	assert.ok(err instanceof OpenAI.APIError);
	assert.equal(err.status, 402);
	assert.equal(err.code, 'cost_ceiling');
	assert.ok(Number(new Headers(err.headers).get('x-tollgate-max-affordable-tokens')) > 100);
	const other = await failure(anthropic('dear').messages.create({ model: 'claude-haiku-4-5', max_tokens: 8000, messages: hello }));
	assert.ok(other instanceof Anthropic.APIError);
	assert.equal(other.status, 402);
	assert.equal(other.error.error.type, 'invalid_request_error');
	const own = await failure(openai('clamped').chat.completions.create(
		{ model: 'gpt-4o-mini', messages: hello }, { headers: { 'x-tollgate-max-cost': '0.000001' } }));
	assert.equal(own.code, 'cost_ceiling');
	const answer = await fetch(`${up.url}/v1/models`, { headers: { authorization: `Bearer ${up.key}` } });
	await up.logged(answer.headers.get('x-tollgate-request-id'));
	assert.deepEqual(up.loggedOf('dear').map((l) => l.status), [402, 402]);
});
