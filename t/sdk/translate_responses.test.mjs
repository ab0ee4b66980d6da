// The openai package's Responses API, unchanged, at a target that speaks Anthropic's messages: whole and streamed answers, tools
// with their results, reasoning that goes back, structured output, errors, what needs a provider that keeps something.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI from 'openai';
import { brokenStream, PASS_SIM_FIELDS, price, start } from './start.mjs';

const MODEL = 'claude-sonnet-4-5';
const ASK = [{ role: 'user', content: 'What is a tollgate good for?' }];
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const WEATHER = { type: 'function', name: 'get_weather', description: 'The weather at a place', parameters: SCHEMA, strict: true };
let up, openai;

before(async () => {
	up = await start({ claude: PASS_SIM_FIELDS });
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
});

const sent = async () => JSON.parse((await up.requests())[0].body);
const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	return err;
});

/** What the ledger of the gateway says is what the simulator billed, at the list price. */
async function paid(headers) {
	const { path, input, output } = (await up.ledger()).entries.at(-1);
	assert.equal(path, '/v1/messages');
	const line = await up.logged(headers.get('x-tollgate-request-id'));
	assert.deepEqual([line.target, line.usage, line.cost_usd], ['claude', { input, output }, price('anthropic', MODEL, { input, output })]);
	return { input, output };
}

test('a response arrives whole, with usage and cost', async () => {
	const { data, response } = await openai.responses.create({ model: MODEL, instructions: 'Be brief.', input: 'What is it good for?',
		max_output_tokens: 500, temperature: 0.5, store: false }).withResponse();
	assert.deepEqual([data.object, data.status, data.error, data.incomplete_details], ['response', 'completed', null, null]);
	assert.match(data.id, /^resp_/);
	assert.ok(data.output_text.length > 100);
	const { input, output } = await paid(response.headers);
	assert.deepEqual([data.usage.input_tokens, data.usage.output_tokens, data.usage.total_tokens], [input, output, input + output]);
	assert.deepEqual(await sent(), { model: MODEL, max_tokens: 500, system: 'Be brief.',
		messages: [{ role: 'user', content: 'What is it good for?' }], temperature: 0.5 });
});

test('a stream numbers its events and ends in the whole response', async () => {
	const { data: stream, response } = await openai.responses.create({ model: MODEL, input: ASK, stream: true }).withResponse();
	const seen = [];
	let text = '', last;
	for await (const event of stream) {
		assert.equal(event.sequence_number, seen.length);
		seen.push(event.type);
		if (event.type === 'response.output_text.delta') text += event.delta;
		if (event.type === 'response.output_text.done') assert.equal(event.text, text);
		last = event;
	}
	assert.deepEqual(seen.filter((type) => type !== 'response.output_text.delta'), ['response.created', 'response.in_progress',
		'response.output_item.added', 'response.content_part.added', 'response.output_text.done', 'response.content_part.done',
		'response.output_item.done', 'response.completed']);
	assert.equal(last.response.output[0].content[0].text, text);
	const { input, output } = await paid(response.headers);
	assert.deepEqual([last.response.usage.input_tokens, last.response.usage.output_tokens], [input, output]);
});

test('the stream helper assembles the final response', async () => {
	const stream = openai.responses.stream({ model: MODEL, input: ASK });
	let text = '';
	stream.on('response.output_text.delta', (event) => { text += event.delta; });
	const final = await stream.finalResponse();
	assert.equal(final.output_text, text);
	assert.equal(final.status, 'completed');
});

test('a tool is called, and its result goes back', async () => {
	const ask = { model: MODEL, input: ASK, tools: [WEATHER], tool_choice: 'required' };
	const whole = await openai.responses.create(ask);
	const call = whole.output.find((item) => item.type === 'function_call');
	assert.equal(call.name, 'get_weather');
	assert.equal(typeof JSON.parse(call.arguments).city, 'string');
	assert.deepEqual((await sent()).tool_choice, { type: 'any' });
	const streamed = (await openai.responses.stream(ask).finalResponse()).output.find((item) => item.type === 'function_call');
	assert.deepEqual(JSON.parse(streamed.arguments), JSON.parse(call.arguments));
	await openai.responses.create({ ...ask, tool_choice: 'auto',
		input: [...ASK, ...whole.output, { type: 'function_call_output', call_id: call.call_id, output: '19 degrees' }] });
	const { messages } = await sent();
	assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant', 'user']);
	assert.deepEqual(messages[1].content.at(-1), { type: 'tool_use', id: call.call_id, name: 'get_weather', input: JSON.parse(call.arguments) });
	assert.deepEqual(messages[2].content, [{ type: 'tool_result', tool_use_id: call.call_id, content: '19 degrees' }]);
});

test('reasoning comes as a summary with its signature, and goes back as it came', async () => {
	const ask = { model: MODEL, input: ASK, reasoning: { effort: 'low', summary: 'auto' }, max_output_tokens: 5000,
		include: ['reasoning.encrypted_content'], store: false };
	for (const response of [await openai.responses.create(ask), await openai.responses.stream(ask).finalResponse()]) {
		const [thought] = response.output;
		assert.equal(thought.type, 'reasoning');
		assert.ok(thought.summary[0].text.length > 10);
		assert.ok(response.usage.output_tokens_details.reasoning_tokens > 0);
		await openai.responses.create({ ...ask, input: [...ASK, ...response.output, { role: 'user', content: 'Go on.' }] });
		const [block] = (await sent()).messages[1].content;
		assert.deepEqual([block.type, block.thinking, `thinking:${block.signature}`],
			['thinking', thought.summary[0].text, thought.encrypted_content]);
	}
});

test('structured output is held to the schema there, too', async () => {
	await openai.responses.create({ model: MODEL, input: ASK, text: { format: { type: 'json_schema', name: 'place', strict: true, schema: SCHEMA } } });
	assert.deepEqual((await sent()).output_config, { format: { type: 'json_schema', schema: SCHEMA } });
});

test('an answer that is cut short says why', async () => {
	const data = await openai.responses.create({ model: MODEL, input: ASK, max_output_tokens: 16 });
	assert.deepEqual([data.status, data.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }]);
});

test('what needs a provider that keeps something is refused by name', async () => {
	for (const more of [{ previous_response_id: 'resp_1' }, { conversation: 'conv_1' }, { store: true }, { background: true }]) {
		const err = await failure(openai.responses.create({ model: MODEL, input: ASK, ...more }), OpenAI.BadRequestError);
		assert.equal(err.code, 'unsupported_by_target');
		assert.match(err.message, new RegExp(Object.keys(more)[0]));
	}
});

test('errors are of the SDK\'s classes, and streams that break off are errors', async () => {
	for (const [fault, type] of [['400', OpenAI.BadRequestError], ['429', OpenAI.RateLimitError], ['529', OpenAI.InternalServerError]]) {
		const err = await failure(openai.responses.create({ model: MODEL, input: ASK }, { headers: { 'x-sim-fault': fault } }), type);
		assert.ok(err.error.message, JSON.stringify(err.error));
	}
	for (const fault of ['stream-error@3', 'truncate@4']) {
		const stream = await openai.responses.create({ model: MODEL, input: ASK, stream: true }, { headers: { 'x-sim-fault': fault } });
		const { events, error } = await brokenStream(stream);
		assert.ok(error instanceof OpenAI.APIError, `${fault}: ${error}`);
		assert.ok(events.every((e) => e.type !== 'response.completed'), fault);
	}
});
