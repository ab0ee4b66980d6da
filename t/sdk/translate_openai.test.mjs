// The openai package, unchanged, at a target that speaks Anthropic's messages: chat, streams, tools with parallel results,
// structured output, reasoning, errors, an abort, and the money.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI from 'openai';
import { billed, brokenStream, faulty, PASS_SIM_FIELDS, price, start } from './start.mjs';

const MODEL = 'claude-sonnet-4-5';
const ASK = [{ role: 'user', content: 'What is a tollgate good for?' }];
const WEATHER = {
	type: 'function',
	function: {
		name: 'get_weather',
		description: 'The weather at a place',
		parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
	},
};
let up, openai;

before(async () => {
	up = await start({ claude: PASS_SIM_FIELDS });
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
});

const client = (more) => new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0, ...more });
const sent = async () => JSON.parse((await up.requests())[0].body);
const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	return err;
});

/** What the gateway says it costs is what the simulator billed, at the list price. */
async function paid(headers) {
	const { path, input, output } = (await up.ledger()).entries.at(-1);
	assert.equal(path, '/v1/messages');
	const cost = price('anthropic', MODEL, { input, output });
	if (headers.get('x-tollgate-cost-usd')) assert.equal(headers.get('x-tollgate-cost-usd'), cost);
	const line = await up.logged(headers.get('x-tollgate-request-id'));
	assert.deepEqual([line.target, line.usage, line.cost_usd], ['claude', { input, output }, cost]);
	return { input, output };
}

test('a chat completion arrives whole, with usage and cost', async () => {
	const { data, response } = await openai.chat.completions.create({ model: MODEL, messages: [
		{ role: 'system', content: 'Be brief.' }, { role: 'developer', content: 'Be kind.' }, ...ASK],
	max_completion_tokens: 500, temperature: 0.5, stop: 'END', user: 'u-1' }).withResponse();
	assert.equal(data.object, 'chat.completion');
	assert.ok(data.choices[0].message.content.length > 100);
	assert.deepEqual([data.choices[0].finish_reason, data.choices[0].message.refusal], ['stop', null]);
	const { input, output } = await paid(response.headers);
	assert.deepEqual([data.usage.prompt_tokens, data.usage.completion_tokens, data.usage.total_tokens],
		[input, output, input + output]);
	assert.deepEqual(await sent(), { model: MODEL, max_tokens: 500, system: 'Be brief.\n\nBe kind.', messages: ASK, temperature: 0.5,
		stop_sequences: ['END'], metadata: { user_id: 'u-1' } });
});

test('a stream gives its pieces in order and ends; usage only for who asks', async () => {
	const whole = await openai.chat.completions.create({ model: MODEL, messages: ASK });
	for (const more of [{}, { stream_options: { include_usage: true } }]) {
		const { data: stream, response } = await openai.chat.completions
			.create({ model: MODEL, messages: ASK, stream: true, ...more }).withResponse();
		let text = '', finish, usage;
		for await (const chunk of stream) {
			assert.equal(chunk.object, 'chat.completion.chunk');
			text += chunk.choices[0]?.delta.content ?? '';
			finish = chunk.choices[0]?.finish_reason ?? finish;
			usage = chunk.usage ?? usage;
		}
		assert.equal(text, whole.choices[0].message.content);
		assert.equal(finish, 'stop');
		const { input, output } = await paid(response.headers);
		assert.deepEqual(usage && [usage.prompt_tokens, usage.completion_tokens], more.stream_options && [input, output]);
	}
});

test('the stream helper assembles the final completion', async () => {
	const runner = openai.chat.completions.stream({ model: MODEL, messages: ASK, stream_options: { include_usage: true } });
	let text = '';
	runner.on('content', (delta) => { text += delta; });
	const final = await runner.finalChatCompletion();
	assert.equal(final.choices[0].message.content, text);
	assert.equal((await runner.totalUsage()).completion_tokens, 32);
});

test('a tool is called, in one piece and streamed', async () => {
	const ask = { model: MODEL, messages: ASK, tools: [WEATHER], tool_choice: 'required' };
	const whole = await openai.chat.completions.create(ask);
	const [call] = whole.choices[0].message.tool_calls;
	assert.equal(whole.choices[0].finish_reason, 'tool_calls');
	assert.equal(call.type, 'function');
	assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
	assert.deepEqual((await sent()).tool_choice, { type: 'any' });
	const final = await openai.chat.completions.stream(ask).finalChatCompletion();
	const [streamed] = final.choices[0].message.tool_calls;
	assert.ok(streamed.id);
	assert.deepEqual(streamed.function.arguments, call.function.arguments);
	assert.equal(final.choices[0].finish_reason, 'tool_calls');
});

test('parallel calls and their results stand together', async () => {
	const call = (id, city) => ({ id, type: 'function', function: { name: 'get_weather', arguments: city ? JSON.stringify({ city }) : '' } });
	await openai.chat.completions.create({ model: MODEL, tools: [WEATHER], parallel_tool_calls: false, tool_choice: 'none', messages: [...ASK,
		{ role: 'assistant', content: '', tool_calls: [call('call_1', 'Ghent'), call('call.2', '')] },
		{ role: 'tool', tool_call_id: 'call_1', content: '19 degrees' },
		{ role: 'tool', tool_call_id: 'call.2', content: [{ type: 'text', text: '20 degrees' }] },
		{ role: 'user', content: 'And now?' }] });
	const { messages, tool_choice: choice } = await sent();
	assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant', 'user']);
	const [first, second] = messages[1].content;
	assert.deepEqual([first, second.type, second.input], [
		{ type: 'tool_use', id: 'call_1', name: 'get_weather', input: { city: 'Ghent' } }, 'tool_use', {}]);
	assert.match(second.id, /^[a-zA-Z0-9_-]+$/);
	assert.deepEqual(messages[2].content, [
		{ type: 'tool_result', tool_use_id: 'call_1', content: '19 degrees' },
		{ type: 'tool_result', tool_use_id: second.id, content: '20 degrees' },
		{ type: 'text', text: 'And now?' }]);
	assert.deepEqual(choice, { type: 'none' });
});

test('the tool runner goes around until there is an answer', async () => {
	const asked = [];
	const runner = openai.chat.completions.runTools({ model: MODEL,
		messages: [{ role: 'user', content: 'Use the tool for the weather in Ghent.' }],
		tools: [{ type: 'function', function: { ...WEATHER.function, parse: JSON.parse,
			function: (args) => { asked.push(args.city); return '19 degrees'; } } }] });
	assert.ok((await runner.finalContent()).length > 10);
	assert.equal(asked.length, 1);
});

test('structured output is held to the schema there, too', async () => {
	const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
	await openai.chat.completions.create({ model: MODEL, messages: ASK,
		response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } } });
	assert.deepEqual((await sent()).output_config, { format: { type: 'json_schema', schema } });
	const err = await failure(openai.chat.completions.create({ model: MODEL, messages: ASK, response_format: { type: 'json_object' } }),
		OpenAI.BadRequestError);
	assert.equal(err.code, 'unsupported_by_target');
	assert.match(err.message, /response_format/);
});

test('reasoning comes with its signature, and goes back as it came', async () => {
	const ask = { model: MODEL, messages: ASK, reasoning_effort: 'low', max_completion_tokens: 5000 };
	const { choices: [{ message }], usage } = await openai.chat.completions.create(ask);
	assert.deepEqual((await sent()).thinking, { type: 'enabled', budget_tokens: 2048 });
	assert.ok(message.reasoning_content.length > 10);
	assert.ok(message.thinking_blocks[0].signature.length > 10);
	assert.ok(usage.completion_tokens_details.reasoning_tokens > 0);
	await openai.chat.completions.create({ ...ask, messages: [...ASK, message, { role: 'user', content: 'Go on.' }] });
	assert.deepEqual((await sent()).messages[1].content[0], message.thinking_blocks[0]);
});

test('pictures go as what they are', async () => {
	await openai.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: [
		{ type: 'text', text: 'What is this?' },
		{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
		{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }] }] });
	assert.deepEqual((await sent()).messages[0].content.slice(1), [
		{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
		{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }]);
});

test('errors are of the SDK\'s classes, with the provider\'s words', async () => {
	for (const [fault, type] of [['400', OpenAI.BadRequestError], ['429', OpenAI.RateLimitError], ['500', OpenAI.InternalServerError],
		['529', OpenAI.InternalServerError]]) {
		const err = await failure(openai.chat.completions.create({ model: MODEL, messages: ASK },
			{ headers: { 'x-sim-fault': fault, 'x-sim-retry-after': '7' } }), type);
		assert.equal(err.status, Number(fault));
		assert.ok(err.error.message && err.type, JSON.stringify(err.error));
	}
	const err = await failure(openai.chat.completions.create({ model: 'gone-claude', messages: ASK }), OpenAI.NotFoundError);
	assert.equal(err.type, 'not_found_error');
});

test('what the target cannot do is refused by name', async () => {
	const err = await failure(openai.chat.completions.create({ model: MODEL, messages: ASK, seed: 1, n: 2, logit_bias: { 1: 2 } }),
		OpenAI.BadRequestError);
	assert.equal(err.code, 'unsupported_by_target');
	for (const name of ['seed', 'n', 'logit_bias']) assert.match(err.message, new RegExp(`\\b${name}\\b`));
});

test('the SDK retries an overloaded provider', async () => {
	const fetch = faulty('529', 1, { 'x-sim-retry-after': 'none' });
	assert.ok((await client({ fetch, maxRetries: 2 }).chat.completions.create({ model: MODEL, messages: ASK })).id);
	assert.equal(fetch.attempts, 2);
});

test('a stream that breaks off is an error, not an end', async () => {
	for (const fault of ['stream-error@3', 'truncate@4', 'reset@3000']) {
		const stream = await openai.chat.completions.create({ model: MODEL, messages: ASK, stream: true },
			{ headers: { 'x-sim-fault': fault } });
		const { events, error } = await brokenStream(stream);
		assert.ok(error instanceof OpenAI.APIError, `${fault}: ${error}`);
		assert.ok(events.every((e) => e.choices[0]?.finish_reason == null), fault);
	}
});

test('abort in mid-stream cancels the request at the provider', async () => {
	const stream = await openai.chat.completions.create({ model: MODEL, messages: ASK, stream: true, max_tokens: 60_000 },
		{ headers: { 'x-sim-events': '60000', 'x-sim-tps': '200' } });
	let chunks = 0;
	for await (const chunk of stream) {
		assert.ok(chunk.id);
		if (++chunks === 8) break; // ends the connection
	}
	const entry = await billed(up, 'a cancelled stream', (e) => e.cancelled);
	assert.equal(entry.completed, false);
	assert.ok(entry.output < 5000, `${entry.output} tokens were generated for a client that had gone`);
});
