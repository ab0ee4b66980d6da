// The Responses API with the openai package.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI from 'openai';
import { billed, brokenStream, price, start } from './start.mjs';

const MODEL = 'gpt-4o-mini';
const WEATHER = { type: 'function', name: 'get_weather', strict: true,
	parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } };
let up, openai;

before(async () => {
	up = await start();
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
});

test('a response arrives whole, with usage and cost', async () => {
	const { data, response } = await openai.responses.create(
		{ model: MODEL, input: 'What is a tollgate?', instructions: 'Be brief.' }).withResponse();
	const input = data.usage.input_tokens, output = data.usage.output_tokens;
	assert.equal(data.status, 'completed');
	assert.ok(data.output_text.length > 100);
	assert.equal(response.headers.get('x-tollgate-cost-usd'), price('openai', MODEL, { input, output }));
});

test('a response streams its events in order', async () => {
	const types = [];
	let text = '', completed;
	for await (const event of await openai.responses.create({ model: MODEL, input: 'hello', stream: true })) {
		types.push(event.type);
		text += event.type === 'response.output_text.delta' ? event.delta : '';
		completed = event.type === 'response.completed' ? event.response : completed;
	}
	assert.deepEqual(types.slice(0, 2), ['response.created', 'response.in_progress']);
	assert.equal(types.at(-1), 'response.completed');
	assert.equal(completed.output[0].content[0].text, text);
	assert.ok(completed.usage.output_tokens > 0);
});

test('the stream helper assembles the final response', async () => {
	const final = await openai.responses.stream({ model: MODEL, input: 'hello' }).finalResponse();
	assert.ok(final.output_text.length > 100);
});

test('a streamed response is metered', async () => {
	const { data: stream, response } = await openai.responses
		.create({ model: MODEL, input: 'hello', stream: true }).withResponse();
	for await (const event of stream) assert.ok(event.type);
	const line = await up.logged(response.headers.get('x-tollgate-request-id'));
	assert.deepEqual(line.usage, { input: 2, output: 32 });
});

test('a function is called', async () => {
	const answer = await openai.responses.create(
		{ model: MODEL, input: 'the weather', tools: [WEATHER], tool_choice: 'required' });
	const call = answer.output.find((item) => item.type === 'function_call');
	assert.equal(call.name, 'get_weather');
	assert.equal(typeof JSON.parse(call.arguments).city, 'string');
});

test('abort in mid-stream cancels at the provider', async () => {
	const stream = await openai.responses.create({ model: MODEL, input: 'hello', stream: true },
		{ headers: { 'x-sim-events': '100000', 'x-sim-tps': '200' } });
	let events = 0;
	for await (const event of stream) {
		assert.ok(event.type);
		if (++events === 8) stream.controller.abort();
	}
	const entry = await billed(up, 'a cancelled stream', (e) => e.cancelled);
	assert.ok(entry.output < 5000);
});

test('a stream that breaks off between two events is an APIError', async () => {
	for (const fault of ['truncate@9', 'truncate@2']) {
		const stream = await openai.responses.create({ model: MODEL, input: 'hello', stream: true },
			{ headers: { 'x-sim-fault': fault } });
		const { events, error } = await brokenStream(stream);
		assert.ok(events.length > 1, fault);
		assert.ok(error instanceof OpenAI.APIError && !(error instanceof OpenAI.APIConnectionError), `${fault}: ${error}`);
	}
});

test('an error event of the provider\'s comes through as it is', async () => {
	// the SDK hands this one to the application
	const types = [];
	for await (const event of await openai.responses.create({ model: MODEL, input: 'hello', stream: true },
		{ headers: { 'x-sim-fault': 'stream-error@9' } })) types.push(event.type);
	assert.equal(types.at(-1), 'error');
	assert.ok(!types.includes('response.completed'));
});

test('a stream that breaks off inside of an event is an error too', async () => {
	// of no particular class: the SDK has begun to read the event that will never be whole
	for (let at = 2000; at < 4000; at += 173) {
		const stream = await openai.responses.create({ model: MODEL, input: 'hello', stream: true },
			{ headers: { 'x-sim-fault': `reset@${at}` } });
		assert.ok((await brokenStream(stream)).events.length > 0, `reset@${at}`);
	}
});
