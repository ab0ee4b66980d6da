// The @anthropic-ai/sdk package: messages whole and streamed, tools, token counting, both ways to send a key, and what
// Claude Code does before its first request.
import assert from 'node:assert/strict';
import http from 'node:http';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { billed, price, start, until } from './start.mjs';

const MODEL = 'claude-sonnet-4-5';
const ASK = { model: MODEL, max_tokens: 1000, messages: [{ role: 'user', content: 'What is a tollgate?' }] };
const WEATHER = { name: 'get_weather', description: 'The weather at a place',
	input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
let up, anthropic;

before(async () => {
	up = await start();
	anthropic = new Anthropic({ apiKey: up.key, authToken: null, baseURL: up.url, maxRetries: 0 });
});

test('a message arrives whole, with usage, request id and cost', async () => {
	const { data, response, request_id: id } = await anthropic.messages.create(ASK).withResponse();
	const [seen] = await up.requests();
	assert.equal(data.type, 'message');
	assert.ok(data.content[0].text.length > 100);
	assert.equal(data.stop_reason, 'end_turn');
	assert.deepEqual([data.usage.input_tokens, data.usage.output_tokens], [5, 32]);
	assert.ok(id, 'the SDK shows the provider\'s request id');
	assert.equal(response.headers.get('x-tollgate-cost-usd'), price('anthropic', MODEL, { input: 5, output: 32 }));
	assert.equal(response.headers.get('x-tollgate-target'), 'claude');
	assert.ok(!JSON.stringify(seen).includes(up.key));
	assert.ok(JSON.stringify(seen).includes('anthropic-version'));
});

test('the key as authToken (Authorization: Bearer)', async () => {
	const client = new Anthropic({ authToken: up.key, apiKey: null, baseURL: up.url, maxRetries: 0 });
	assert.equal((await client.messages.create(ASK)).stop_reason, 'end_turn');
	assert.ok(!JSON.stringify(await up.requests()).includes(up.key));
});

test('cached prompts are priced apart', async () => {
	const ask = { ...ASK, system: [{ type: 'text', text: 'rules '.repeat(400), cache_control: { type: 'ephemeral' } }] };
	const first = await anthropic.messages.create(ask).withResponse();
	const second = await anthropic.messages.create(ask).withResponse();
	const cost = (r) => r.response.headers.get('x-tollgate-cost-usd');
	assert.ok(first.data.usage.cache_creation_input_tokens > 500);
	assert.ok(second.data.usage.cache_read_input_tokens > 500);
	assert.equal(cost(first), price('anthropic', MODEL,
		{ input: 5, input_cache_write_5m: first.data.usage.cache_creation_input_tokens, output: 32 }));
	assert.equal(cost(second), price('anthropic', MODEL,
		{ input: 5, input_cache_read: second.data.usage.cache_read_input_tokens, output: 32 }));
});

test('a stream gives its events in order, and is metered', async () => {
	const { data: stream, response } = await anthropic.messages.create({ ...ASK, stream: true }).withResponse();
	const types = [];
	let text = '', usage;
	for await (const event of stream) {
		if (types.at(-1) !== event.type) types.push(event.type);
		text += event.delta?.text ?? '';
		usage = event.type === 'message_delta' ? event.usage : usage;
	}
	assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop',
		'message_delta', 'message_stop']);
	assert.equal(text, (await anthropic.messages.create(ASK)).content[0].text);
	assert.equal(usage.output_tokens, 32);
	const line = await up.logged(response.headers.get('x-tollgate-request-id'));
	assert.deepEqual(line.usage, { input: 5, output: 32 });
	assert.equal(line.cost_usd, price('anthropic', MODEL, { input: 5, output: 32 }));
});

test('the stream helper assembles the final message', async () => {
	const stream = anthropic.messages.stream(ASK);
	let text = '';
	stream.on('text', (delta) => { text += delta; });
	const final = await stream.finalMessage();
	assert.equal(final.content[0].text, text);
	assert.equal(final.usage.output_tokens, 32);
});

test('thinking comes through with its signature', async () => {
	const final = await anthropic.messages.stream({ ...ASK, max_tokens: 3000,
		thinking: { type: 'enabled', budget_tokens: 1024 } }).finalMessage();
	assert.equal(final.content[0].type, 'thinking');
	assert.ok(final.content[0].signature.length > 10);
	assert.equal(final.content[1].type, 'text');
});

test('a tool is called, its result goes back, the answer comes', async () => {
	const messages = [{ role: 'user', content: 'Use the tool for the weather in Ghent.' }];
	const first = await anthropic.messages.create({ ...ASK, messages, tools: [WEATHER] });
	const call = first.content.find((block) => block.type === 'tool_use');
	assert.equal(first.stop_reason, 'tool_use');
	assert.equal(typeof call.input.city, 'string');
	messages.push({ role: 'assistant', content: first.content },
		{ role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '19 degrees' }] });
	const second = await anthropic.messages.create({ ...ASK, messages, tools: [WEATHER] });
	assert.equal(second.stop_reason, 'end_turn');
});

test('a tool call streams in pieces of its input', async () => {
	const final = await anthropic.messages.stream({ ...ASK, tools: [WEATHER], tool_choice: { type: 'any' } }).finalMessage();
	assert.equal(final.stop_reason, 'tool_use');
	assert.equal(typeof final.content[0].input.city, 'string');
});

test('counting tokens costs nothing', async () => {
	const { data, response } = await anthropic.messages.countTokens(
		{ model: MODEL, messages: ASK.messages }).withResponse();
	assert.equal(data.input_tokens, 5);
	const line = await up.logged(response.headers.get('x-tollgate-request-id'));
	assert.equal(line.cost_usd ?? '0', '0');
});

test('abort in mid-stream cancels the request at the provider', async () => {
	const stream = anthropic.messages.stream({ ...ASK, max_tokens: 64_000 },
		{ headers: { 'x-sim-events': '64000', 'x-sim-tps': '200' } });
	let events = 0;
	await assert.rejects(async () => {
		for await (const event of stream) {
			assert.ok(event.type);
			if (++events === 8) stream.abort();
		}
	}, Anthropic.APIUserAbortError);
	const entry = await billed(up, 'a cancelled stream', (e) => e.cancelled);
	assert.equal(entry.completed, false);
	assert.ok(entry.output < 5000, `${entry.output} tokens were generated for a client that had gone`);
});

test('models: list and retrieve', async () => {
	const ids = [];
	for await (const model of anthropic.models.list()) ids.push(model.id);
	assert.ok(ids.includes(MODEL));
	assert.equal((await anthropic.models.retrieve(MODEL)).type, 'model');
});

test('Claude Code: HEAD / answers without a key, and leaves the connection usable', async () => {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	const ask = (method, path) => new Promise((resolve, reject) => {
		http.request(`${up.url}${path}`, { method, agent }, (res) => {
			res.resume();
			res.on('end', () => resolve(res.statusCode));
		}).on('error', reject).end();
	});
	assert.equal(await ask('HEAD', '/'), 200);
	assert.equal(await ask('HEAD', '/'), 200);
	assert.equal(await ask('GET', '/v1/models'), 401);
	agent.destroy();
});

test('Claude Code: beta paths and query (?beta=true)', async () => {
	const answer = await anthropic.beta.messages.create({ ...ASK, betas: ['context-management-2025-06-27'] });
	const [seen] = await up.requests();
	assert.equal(answer.stop_reason, 'end_turn');
	assert.match(JSON.stringify(seen), /context-management-2025-06-27/);
});

test('the metrics count what the SDK was told', async () => {
	await until('the request in the metrics', async () =>
		/tollgate_requests_total\{[^}]*\} [1-9]/.test(await (await fetch(`${up.admin}/metrics`)).text()));
});
