// The `ai` package with its OpenAI, Anthropic and Google providers, unchanged apart from the base URL, at targets of four
// APIs: texts whole and streamed, tools with parallel results, objects by a schema, errors, broken streams, an abort.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, generateObject, generateText, jsonSchema, Output, stepCountIs, streamObject, streamText, tool } from 'ai';
import { PASS_SIM_FIELDS, start, until } from './start.mjs';

const MODELS = { openai: 'gpt-4o-mini', responses: 'gpt-4.1-nano', anthropic: 'claude-sonnet-4-5', gemini: 'gemini-2.5-flash',
	bedrock: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0' };
const CLIENTS = ['chat', 'responses', 'messages', 'google'];
// these bill a cancelled stream all the same: the gateway reads it to its end to know the cost
const BILLED_TO_THE_END = ['gemini', 'bedrock'];
const ASK = 'What is a tollgate good for?';
const PLACE = jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false });
let up, provider;

before(async () => {
	const rows = (text) => Object.fromEntries(Object.keys(MODELS).map((name) => [`to-${name}`, text(name)]));
	up = await start({
		targets: (sim) => rows((name) => `provider: ${name === 'responses' ? 'openai, chat_api: responses' : name}, base_url: http://${sim}, key: sk-provider-account${PASS_SIM_FIELDS}`),
		models: () => rows((name) => `targets: { target: to-${name}, model: "${MODELS[name]}" }`),
	});
	const openai = createOpenAI({ apiKey: up.key, baseURL: `${up.url}/v1` });
	provider = {
		chat: (model) => openai.chat(model),
		responses: (model) => openai.responses(model),
		messages: createAnthropic({ apiKey: up.key, baseURL: `${up.url}/v1` }),
		google: createGoogleGenerativeAI({ apiKey: up.key, baseURL: `${up.url}/v1beta` }),
	};
});

const each = (what, body) => {
	for (const client of CLIENTS) {
		for (const target of Object.keys(MODELS)) {
			test(`${client} at ${target}: ${what}`, () => body(provider[client](`to-${target}`), target, client));
		}
	}
};
const failure = (promise) => Promise.resolve(promise).then(() => assert.fail('it succeeded'), (err) => err);
const sent = async () => JSON.parse((await up.requests())[0].body);

/** What the SDK counts is what the simulator billed. */
async function counted(usage) {
	const { billed_input: input, billed_output: output } = (await up.ledger()).entries.at(-1);
	assert.deepEqual([usage.inputTokens, usage.outputTokens], [input, output]);
}

each('a text, whole and streamed', async (model) => {
	const ask = { model, system: 'Be brief.', prompt: ASK, maxOutputTokens: 300, temperature: 0.5, maxRetries: 0 };
	const whole = await generateText(ask);
	assert.ok(whole.text.length > 100);
	assert.equal(whole.finishReason, 'stop');
	await counted(whole.usage);
	const stream = streamText(ask);
	let text = '', pieces = 0;
	for await (const piece of stream.textStream) {
		text += piece;
		pieces++;
	}
	assert.deepEqual([text, await stream.finishReason], [whole.text, 'stop']);
	assert.ok(pieces > 10, `${pieces}`);
	await counted(await stream.usage);
});

each('an answer that is cut at its limit says so', async (model) => {
	const { finishReason } = await generateText({ model, prompt: ASK, maxOutputTokens: 5, maxRetries: 0 });
	assert.equal(finishReason, 'length');
	assert.equal(await streamText({ model, prompt: ASK, maxOutputTokens: 5, maxRetries: 0 }).finishReason, 'length');
});

each('a tool runs, and the model goes on with its result', async (model) => {
	for (const run of [generateText, streamText]) {
		const asked = [];
		const tools = { get_weather: tool({ description: 'The weather at a place', inputSchema: PLACE,
			execute: ({ city }) => { asked.push(city); return { degrees: 19 }; } }) };
		const result = await run({ model, tools, prompt: 'Use the tool for the weather in Ghent.', stopWhen: stepCountIs(3), maxRetries: 0 });
		const steps = await result.steps;
		assert.deepEqual([steps.length, asked.length, steps[0].finishReason, typeof asked[0]], [2, 1, 'tool-calls', 'string']);
		assert.ok((await result.text).length > 10);
		assert.ok(JSON.stringify(await sent()).includes('degrees'));
	}
});

each('parallel calls and their results go back together', async (model, target) => {
	const call = (id, city) => ({ type: 'tool-call', toolCallId: id, toolName: 'get_weather', input: { city } });
	const result = (id, value) => ({ type: 'tool-result', toolCallId: id, toolName: 'get_weather', output: { type: 'text', value } });
	const { text } = await generateText({ model, tools: { get_weather: tool({ inputSchema: PLACE }) }, maxRetries: 0, messages: [
		{ role: 'user', content: ASK },
		{ role: 'assistant', content: [{ type: 'text', text: 'I look.' }, call('call_1', 'Ghent'), call('call_2', 'Bruges')] },
		{ role: 'tool', content: [result('call_1', '19 degrees'), result('call_2', '20 degrees')] }] });
	assert.ok(text.length > 10);
	const body = await sent();
	const turns = body.messages ?? body.contents ?? body.input;
	const roles = { openai: ['user', 'assistant', 'tool', 'tool'], gemini: ['user', 'model', 'user'] }[target] ?? ['user', 'assistant', 'user'];
	if (!body.input) assert.deepEqual(turns.map((t) => t.role), roles);
	const tail = JSON.stringify(turns.slice(2));
	assert.ok(tail.indexOf('19 degrees') > 0 && tail.indexOf('20 degrees') > tail.indexOf('19 degrees'));
});

each('a tool is demanded', async (model) => {
	const { toolCalls, finishReason } = await generateText({ model, prompt: ASK, maxRetries: 0, toolChoice: { type: 'tool', toolName: 'get_weather' },
		tools: { get_time: tool({ inputSchema: PLACE }), get_weather: tool({ inputSchema: PLACE }) } });
	assert.deepEqual(toolCalls.map((c) => [c.toolName, typeof c.input.city]), [['get_weather', 'string']]);
	assert.equal(finishReason, 'tool-calls');
});

each('an object by its schema, whole and streamed', async (model) => {
	const { object, usage } = await generateObject({ model, schema: PLACE, prompt: ASK, maxRetries: 0 });
	assert.equal(typeof object.city, 'string');
	await counted(usage);
	const stream = streamObject({ model, schema: PLACE, prompt: ASK, maxRetries: 0 });
	for await (const part of stream.partialObjectStream) assert.equal(typeof part, 'object');
	assert.equal(typeof (await stream.object).city, 'string');
	const { output } = await generateText({ model, output: Output.object({ schema: PLACE }), prompt: ASK, maxRetries: 0 });
	assert.equal(typeof output.city, 'string');
});

each('errors keep their status and their words', async (model) => {
	for (const [fault, status, retryable] of [['400', 400, false], ['429', 429, true], ['500', 500, true]]) {
		const err = await failure(generateText({ model, prompt: ASK, maxRetries: 0, headers: { 'x-sim-fault': fault } }));
		assert.ok(APICallError.isInstance(err), `${err}`);
		assert.deepEqual([err.statusCode, err.isRetryable], [status, retryable]);
		assert.ok(err.data?.error?.message && err.message === err.data.error.message, JSON.stringify(err.data));
	}
});

each('a stream that breaks off is an error, never a whole answer', async (model) => {
	for (const fault of ['truncate@4', 'stream-error@4']) {
		const parts = [];
		const stream = streamText({ model, prompt: ASK, maxRetries: 0, headers: { 'x-sim-fault': fault }, onError() {} });
		try {
			for await (const part of stream.fullStream) parts.push(part);
		} catch (error) {
			parts.push({ type: 'error', error });
		}
		assert.ok(parts.some((p) => p.type === 'error'), `${fault}: ${JSON.stringify(parts.map((p) => p.type))}`);
		assert.ok(parts.every((p) => p.type !== 'finish' || p.finishReason !== 'stop'), JSON.stringify(parts.at(-1)));
	}
});

each('an abort in mid-stream cancels the request at the provider, or waits for its cost', async (model, target) => {
	const earlier = (await up.ledger()).entries.length;
	const abort = new AbortController();
	const events = BILLED_TO_THE_END.includes(target) ? 200 : 16_000;
	const stream = streamText({ model, prompt: ASK, maxOutputTokens: 16_000, maxRetries: 0, abortSignal: abort.signal,
		headers: { 'x-sim-events': `${events}`, 'x-sim-tps': '200' }, onError() {} });
	let pieces = 0;
	for await (const part of stream.fullStream) if (part.type === 'text-delta' && ++pieces === 5) abort.abort();
	assert.ok(pieces < 200);
	const entry = await until('the provider has billed it', async () => (await up.ledger()).entries[earlier]);
	if (BILLED_TO_THE_END.includes(target)) assert.deepEqual([entry.completed, entry.output], [true, 200]);
	else assert.ok(entry.cancelled && !entry.completed && entry.output < 5000, `${entry.output}`);
});
