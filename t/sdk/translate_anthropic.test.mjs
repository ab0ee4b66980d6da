// The @anthropic-ai/sdk package, unchanged, at a target that speaks OpenAI's chat completions: messages whole and streamed,
// tools with parallel results, thinking, errors, an abort, and the money.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { billed, brokenStream, faulty, PASS_SIM_FIELDS, price, start } from './start.mjs';

const MODEL = 'gpt-4o-mini';
const ASK = { model: MODEL, max_tokens: 1000, messages: [{ role: 'user', content: 'What is a tollgate good for?' }] };
const WEATHER = { name: 'get_weather', description: 'The weather at a place',
	input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
let up, anthropic;

before(async () => {
	up = await start({ openai: PASS_SIM_FIELDS });
	anthropic = client();
});

const client = (more) => new Anthropic({ apiKey: up.key, authToken: null, baseURL: up.url, maxRetries: 0, ...more });
const sent = async () => JSON.parse((await up.requests())[0].body);
const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	return err;
});
const kind = (err) => err.error?.error?.type;

/** What the gateway says it costs is what the simulator billed, at the list price. */
async function paid(headers) {
	const { path, input, output } = (await up.ledger()).entries.at(-1);
	assert.equal(path, '/v1/chat/completions');
	const cost = price('openai', MODEL, { input, output });
	if (headers.get('x-tollgate-cost-usd')) assert.equal(headers.get('x-tollgate-cost-usd'), cost);
	const line = await up.logged(headers.get('x-tollgate-request-id'));
	assert.deepEqual([line.target, line.usage, line.cost_usd], ['openai', { input, output }, cost]);
	return { input, output };
}

test('a message arrives whole, with usage and cost', async () => {
	const { data, response } = await anthropic.messages.create({ ...ASK, temperature: 0.5, stop_sequences: ['END'],
		system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }], metadata: { user_id: 'u-1' } }).withResponse();
	assert.deepEqual([data.type, data.role, data.stop_reason, data.stop_sequence], ['message', 'assistant', 'end_turn', null]);
	assert.ok(data.content[0].text.length > 100);
	const { input, output } = await paid(response.headers);
	assert.deepEqual([data.usage.input_tokens, data.usage.output_tokens], [input, output]);
	const body = await sent();
	assert.equal(body.model, MODEL);
	assert.deepEqual(body.messages, [{ role: 'system', content: 'Be brief.' }, ...ASK.messages]);
	assert.deepEqual([body.temperature, body.stop, body.max_tokens ?? body.max_completion_tokens, body.user], [0.5, ['END'], 1000, 'u-1']);
});

test('a stream gives its events in order, tells the input at once and the output at the end', async () => {
	const whole = await anthropic.messages.create(ASK);
	const { data: stream, response } = await anthropic.messages.create({ ...ASK, stream: true }).withResponse();
	const types = [];
	let text = '', startUsage, usage;
	for await (const event of stream) {
		if (types.at(-1) !== event.type) types.push(event.type);
		text += event.delta?.text ?? '';
		startUsage ??= event.message?.usage;
		usage = event.type === 'message_delta' ? event.usage : usage;
	}
	assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop',
		'message_delta', 'message_stop']);
	assert.equal(text, whole.content[0].text);
	const { input, output } = await paid(response.headers);
	assert.ok(startUsage.input_tokens > 0, 'an estimate, where the provider tells the figure last');
	assert.deepEqual([usage.input_tokens, usage.output_tokens], [input, output]);
});

test('the stream helper assembles the final message', async () => {
	const stream = anthropic.messages.stream(ASK);
	let text = '';
	stream.on('text', (delta) => { text += delta; });
	const final = await stream.finalMessage();
	assert.equal(final.content[0].text, text);
	assert.deepEqual([final.stop_reason, final.usage.output_tokens], ['end_turn', 32]);
});

test('cached input is told apart', async () => {
	const { usage } = await anthropic.messages.create(ASK, { headers: { 'x-sim-cached-tokens': '5' } });
	const entry = (await up.ledger()).entries.at(-1);
	assert.equal(usage.cache_read_input_tokens, 5);
	assert.equal(usage.input_tokens + 5, entry.billed_input);
});

test('a tool is called, in one piece and streamed, and its result goes back', async () => {
	const ask = { ...ASK, tools: [WEATHER], tool_choice: { type: 'any', disable_parallel_tool_use: true } };
	const first = await anthropic.messages.create(ask);
	const call = first.content.find((block) => block.type === 'tool_use');
	assert.equal(first.stop_reason, 'tool_use');
	assert.equal(typeof call.input.city, 'string');
	const body = await sent();
	assert.deepEqual([body.tool_choice, body.parallel_tool_calls, body.tools[0].function.name], ['required', false, 'get_weather']);
	const streamed = await anthropic.messages.stream(ask).finalMessage();
	assert.equal(streamed.stop_reason, 'tool_use');
	assert.deepEqual(streamed.content.find((b) => b.type === 'tool_use').input, call.input);
	const second = await anthropic.messages.create({ ...ASK, tools: [WEATHER], tool_choice: { type: 'none' }, messages: [...ASK.messages,
		{ role: 'assistant', content: first.content },
		{ role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '19 degrees' }] }] });
	assert.equal(second.stop_reason, 'end_turn');
	assert.deepEqual((await sent()).messages.at(-1), { role: 'tool', tool_call_id: call.id, content: '19 degrees' });
});

test('parallel results become a message each', async () => {
	const use = (id, city) => ({ type: 'tool_use', id, name: 'get_weather', input: { city } });
	await anthropic.messages.create({ ...ASK, tools: [WEATHER], messages: [...ASK.messages,
		{ role: 'assistant', content: [{ type: 'text', text: 'I look.' }, use('toolu_1', 'Ghent'), use('toolu_2', 'Bruges')] },
		{ role: 'user', content: [
			{ type: 'tool_result', tool_use_id: 'toolu_1', content: '19 degrees' },
			{ type: 'tool_result', tool_use_id: 'toolu_2', content: [{ type: 'text', text: '20 degrees' }] },
			{ type: 'text', text: 'And now?' }] }] });
	const { messages } = await sent();
	assert.deepEqual(messages.map((m) => [m.role, m.tool_call_id, m.content]), [
		['user', undefined, ASK.messages[0].content], ['assistant', undefined, 'I look.'], ['tool', 'toolu_1', '19 degrees'],
		['tool', 'toolu_2', '20 degrees'], ['user', undefined, 'And now?']]);
	assert.deepEqual(messages[1].tool_calls.map((c) => [c.id, JSON.parse(c.function.arguments)]),
		[['toolu_1', { city: 'Ghent' }], ['toolu_2', { city: 'Bruges' }]]);
});

test('thinking is asked for in the target\'s word', async () => {
	await anthropic.messages.create({ ...ASK, max_tokens: 9000, thinking: { type: 'enabled', budget_tokens: 2048 } });
	assert.equal((await sent()).reasoning_effort, 'low');
	await anthropic.messages.create({ ...ASK, thinking: { type: 'adaptive' }, output_config: { effort: 'high' } });
	assert.equal((await sent()).reasoning_effort, 'high');
});

test('structured output is held to the schema there, too', async () => {
	const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
	await anthropic.messages.create({ ...ASK, output_config: { format: { type: 'json_schema', schema } } });
	assert.deepEqual((await sent()).response_format.json_schema.schema, schema);
});

test('errors are of the SDK\'s classes, in its shape', async () => {
	for (const [fault, type, name] of [['400', Anthropic.BadRequestError, 'invalid_request_error'],
		['429', Anthropic.RateLimitError, 'rate_limit_error'], ['500', Anthropic.InternalServerError, 'api_error'],
		['503', Anthropic.InternalServerError, 'overloaded_error']]) {
		const err = await failure(anthropic.messages.create(ASK, { headers: { 'x-sim-fault': fault, 'x-sim-retry-after': '7' } }), type);
		assert.deepEqual([err.status, kind(err), err.error.type], [Number(fault), name, 'error']);
		assert.ok(err.error.error.message);
	}
	const gone = await failure(anthropic.messages.create({ ...ASK, model: 'gone' }), Anthropic.NotFoundError);
	assert.equal(kind(gone), 'not_found_error');
});

test('what the target cannot do is refused by name', async () => {
	const err = await failure(anthropic.messages.create({ ...ASK, tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
		Anthropic.BadRequestError);
	assert.match(err.message, /web_search_20250305/);
	assert.equal(kind(err), 'invalid_request_error');
});

test('the SDK retries an overloaded provider', async () => {
	const fetch = faulty('503', 1, { 'x-sim-retry-after': 'none' });
	assert.equal((await client({ fetch, maxRetries: 2 }).messages.create(ASK)).type, 'message');
	assert.equal(fetch.attempts, 2);
});

test('a stream that breaks off is an error, not an end', async () => {
	for (const fault of ['stream-error@3', 'truncate@4', 'reset@3000']) {
		const stream = await anthropic.messages.create({ ...ASK, stream: true }, { headers: { 'x-sim-fault': fault } });
		const { events, error } = await brokenStream(stream);
		assert.ok(error instanceof Anthropic.APIError, `${fault}: ${error}`);
		assert.ok(events.every((e) => e.type !== 'message_stop'), fault);
	}
});

test('abort in mid-stream cancels the request at the provider', async () => {
	const stream = anthropic.messages.stream({ ...ASK, max_tokens: 16_000 },
		{ headers: { 'x-sim-events': '16000', 'x-sim-tps': '200' } });
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
