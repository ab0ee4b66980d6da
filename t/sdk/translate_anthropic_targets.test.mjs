// The @anthropic-ai/sdk package, unchanged, at targets that speak Gemini's, Bedrock's and Cohere's APIs: messages whole and
// streamed, tools there and back, thinking, errors, streams that break off, an abort.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { brokenStream, PASS_SIM_FIELDS, start } from './start.mjs';

const MODELS = { gemini: 'gemini-2.5-flash', bedrock: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', cohere: 'command-a-03-2025' };
const ASK = { max_tokens: 500, messages: [{ role: 'user', content: 'What is a tollgate good for?' }] };
const WEATHER = { name: 'get_weather', description: 'The weather at a place',
	input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
let up, anthropic;

before(async () => {
	const rows = (text) => Object.fromEntries(Object.keys(MODELS).map((name) => [name, text(name)]));
	up = await start({
		targets: (sim) => rows((name) => `provider: ${name}, base_url: http://${sim}, key: sk-provider-account${PASS_SIM_FIELDS}`),
		models: () => rows((name) => `targets: { target: ${name}, model: "${MODELS[name]}" }`),
	});
	anthropic = new Anthropic({ apiKey: up.key, authToken: null, baseURL: up.url, maxRetries: 0 });
});

const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	return err;
});
const inputOf = (usage) => usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;

/** The ledger has the figures that the simulator billed, and the client saw the same. */
async function paid(target, headers, usage) {
	const line = await up.logged(headers.get('x-tollgate-request-id'));
	const entry = (await up.ledger()).entries.at(-1);
	const sum = (kind) => Object.entries(line.usage).filter(([name]) => name.startsWith(kind)).reduce((n, [, v]) => n + v, 0);
	assert.deepEqual([line.target, line.quality, sum('in'), sum('out')], [target, 'exact', entry.billed_input, entry.billed_output]);
	assert.deepEqual([inputOf(usage), usage.output_tokens], [entry.billed_input, entry.billed_output]);
}

for (const model of Object.keys(MODELS)) {
	test(`${model}: a message, whole and streamed`, async () => {
		const { data, response } = await anthropic.messages.create({ ...ASK, model, system: 'Be brief.' }).withResponse();
		assert.deepEqual([data.type, data.stop_reason], ['message', 'end_turn']);
		await paid(model, response.headers, data.usage);
		const { data: stream, response: head } = await anthropic.messages.create({ ...ASK, model, system: 'Be brief.', stream: true })
			.withResponse();
		const types = [];
		let text = '', usage, began;
		for await (const event of stream) {
			if (types.at(-1) !== event.type) types.push(event.type);
			text += event.delta?.text ?? '';
			began ??= event.message?.usage;
			usage = event.type === 'message_delta' ? event.usage : usage;
		}
		assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop',
			'message_delta', 'message_stop']);
		assert.equal(text, data.content[0].text);
		assert.ok(inputOf(began) > 0);
		await paid(model, head.headers, usage);
	});

	test(`${model}: a tool is called, and its result goes back`, async () => {
		const ask = { ...ASK, model, tools: [WEATHER], tool_choice: { type: 'any' } };
		const whole = await anthropic.messages.create(ask);
		const call = whole.content.find((block) => block.type === 'tool_use');
		assert.deepEqual([whole.stop_reason, call.name, typeof call.input.city], ['tool_use', 'get_weather', 'string']);
		const streamed = await anthropic.messages.stream(ask).finalMessage();
		assert.deepEqual([streamed.stop_reason, streamed.content.find((b) => b.type === 'tool_use').input], ['tool_use', call.input]);
		const answer = await anthropic.messages.create({ ...ASK, model, tools: [WEATHER], messages: [...ASK.messages,
			{ role: 'assistant', content: whole.content },
			{ role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '19 degrees' },
				{ type: 'text', text: 'And tomorrow?' }] }] });
		assert.equal(answer.stop_reason, 'end_turn');
	});

	test(`${model}: errors are of the SDK's classes, broken streams too`, async () => {
		for (const [fault, type, name] of [['400', Anthropic.BadRequestError, 'invalid_request_error'],
			['429', Anthropic.RateLimitError, 'rate_limit_error'], ['500', Anthropic.InternalServerError, 'api_error']]) {
			const err = await failure(anthropic.messages.create({ ...ASK, model }, { headers: { 'x-sim-fault': fault } }), type);
			assert.deepEqual([err.error.type, err.error.error.type], ['error', name]);
			assert.ok(err.error.error.message);
		}
		const { events, error } = await brokenStream(await anthropic.messages.create({ ...ASK, model, stream: true },
			{ headers: { 'x-sim-fault': 'truncate@3' } }));
		assert.ok(error instanceof Anthropic.APIError, `${error}`);
		assert.ok(events.every((e) => e.type !== 'message_stop'));
	});

	test(`${model}: who goes in mid-stream is charged by what came`, async () => {
		const { data: stream, response } = await anthropic.messages.create({ ...ASK, model, stream: true },
			{ headers: { 'x-sim-events': '500', 'x-sim-tps': '100' } }).withResponse();
		let events = 0;
		for await (const event of stream) {
			assert.ok(event.type);
			if (++events === 6) break; // ends the connection
		}
		const line = await up.logged(response.headers.get('x-tollgate-request-id'));
		assert.equal(line.end, 'client_gone');
		assert.ok(Number(line.cost_usd) > 0, JSON.stringify(line));
	});
}

test('thinking of Claude at Bedrock comes with its signature, whole and streamed, and goes back', async () => {
	const ask = { ...ASK, model: 'bedrock', max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } };
	for (const answer of [await anthropic.messages.create(ask), await anthropic.messages.stream(ask).finalMessage()]) {
		const [thought, text] = answer.content;
		assert.deepEqual([thought.type, text.type], ['thinking', 'text']);
		assert.ok(thought.thinking.length > 0 && thought.signature.length > 0, JSON.stringify(thought));
		await anthropic.messages.create({ ...ask, messages: [...ASK.messages, { role: 'assistant', content: answer.content },
			{ role: 'user', content: 'Go on.' }] });
		const [seen] = await up.requests();
		assert.deepEqual(JSON.parse(seen.body).messages[1].content[0].reasoningContent.reasoningText,
			{ text: thought.thinking, signature: thought.signature });
	}
});
