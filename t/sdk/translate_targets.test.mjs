// The openai package, unchanged, at targets that speak Gemini's, Bedrock's and Cohere's APIs: chat completions and Responses,
// whole and streamed, tools there and back, structured output, errors, streams that break off.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI from 'openai';
import { brokenStream, PASS_SIM_FIELDS, start } from './start.mjs';

const MODELS = { gemini: 'gemini-2.5-flash', bedrock: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', cohere: 'command-a-03-2025' };
const ASK = [{ role: 'user', content: 'What is a tollgate good for?' }];
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const CHAT_TOOL = { type: 'function', function: { name: 'get_weather', description: 'The weather at a place', parameters: SCHEMA } };
const TOOL = { type: 'function', name: 'get_weather', description: 'The weather at a place', parameters: SCHEMA, strict: false };
let up, openai;

before(async () => {
	const rows = (text) => Object.fromEntries(Object.keys(MODELS).map((name) => [name, text(name)]));
	up = await start({
		targets: (sim) => rows((name) => `provider: ${name}, base_url: http://${sim}, key: sk-provider-account${PASS_SIM_FIELDS}`),
		models: () => rows((name) => `targets: { target: ${name}, model: "${MODELS[name]}" }`),
	});
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
});

const failure = (promise, type) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof type, `${err?.constructor?.name}: ${err}`);
	return err;
});

/** The ledger has the figures that the simulator billed, and the client saw the same. */
async function paid(target, headers, input, output) {
	const line = await up.logged(headers.get('x-tollgate-request-id'));
	const entry = (await up.ledger()).entries.at(-1);
	const sum = (kind) => Object.entries(line.usage).filter(([name]) => name.startsWith(kind)).reduce((n, [, v]) => n + v, 0);
	assert.deepEqual([line.target, line.quality, sum('in'), sum('out')], [target, 'exact', entry.billed_input, entry.billed_output]);
	assert.deepEqual([input, output], [entry.billed_input, entry.billed_output]);
}

for (const model of Object.keys(MODELS)) {
	test(`${model}: a chat completion, whole and streamed`, async () => {
		const { data, response } = await openai.chat.completions.create({ model, messages: ASK, max_completion_tokens: 300 }).withResponse();
		assert.equal(data.choices[0].finish_reason, 'stop');
		await paid(model, response.headers, data.usage.prompt_tokens, data.usage.completion_tokens);
		const { data: stream, response: head } = await openai.chat.completions.create({ model, messages: ASK, max_completion_tokens: 300,
			stream: true, stream_options: { include_usage: true } }).withResponse();
		let text = '', finish, usage;
		for await (const chunk of stream) {
			text += chunk.choices[0]?.delta.content ?? '';
			finish = chunk.choices[0]?.finish_reason ?? finish;
			usage = chunk.usage ?? usage;
		}
		assert.deepEqual([text, finish], [data.choices[0].message.content, 'stop']);
		await paid(model, head.headers, usage.prompt_tokens, usage.completion_tokens);
	});

	test(`${model}: a response, whole and streamed`, async () => {
		const { data, response } = await openai.responses.create({ model, input: ASK, instructions: 'Be brief.' }).withResponse();
		assert.equal(data.status, 'completed');
		await paid(model, response.headers, data.usage.input_tokens, data.usage.output_tokens);
		const final = await openai.responses.stream({ model, input: ASK, instructions: 'Be brief.' }).finalResponse();
		assert.deepEqual([final.status, final.output_text], ['completed', data.output_text]);
	});

	test(`${model}: a tool is called by chat, and its result goes back`, async () => {
		const ask = { model, messages: ASK, tools: [CHAT_TOOL], tool_choice: 'required' };
		const { choices: [{ message, finish_reason: finish }] } = await openai.chat.completions.create(ask);
		const [call] = message.tool_calls;
		assert.deepEqual([finish, call.function.name, typeof JSON.parse(call.function.arguments).city], ['tool_calls', 'get_weather', 'string']);
		const [streamed] = (await openai.chat.completions.stream(ask).finalChatCompletion()).choices[0].message.tool_calls;
		assert.deepEqual(JSON.parse(streamed.function.arguments), JSON.parse(call.function.arguments));
		const answer = await openai.chat.completions.create({ model, tools: [CHAT_TOOL], messages: [...ASK, message,
			{ role: 'tool', tool_call_id: call.id, content: '19 degrees' }, { role: 'user', content: 'And tomorrow?' }] });
		assert.ok(answer.choices[0].message.content.length > 10);
	});

	test(`${model}: a tool is called by Responses, and its result goes back`, async () => {
		const ask = { model, input: ASK, tools: [TOOL], tool_choice: 'required' };
		const whole = await openai.responses.create(ask);
		const call = whole.output.find((item) => item.type === 'function_call');
		assert.deepEqual([call.name, typeof JSON.parse(call.arguments).city], ['get_weather', 'string']);
		const streamed = (await openai.responses.stream(ask).finalResponse()).output.find((item) => item.type === 'function_call');
		assert.deepEqual(JSON.parse(streamed.arguments), JSON.parse(call.arguments));
		const answer = await openai.responses.create({ model, tools: [TOOL], input: [...ASK, ...whole.output,
			{ type: 'function_call_output', call_id: call.call_id, output: '19 degrees' }, { role: 'user', content: 'And tomorrow?' }] });
		assert.ok(answer.output_text.length > 10);
	});

	test(`${model}: errors are of the SDK's classes, broken streams too`, async () => {
		for (const [fault, type] of [['400', OpenAI.BadRequestError], ['429', OpenAI.RateLimitError], ['500', OpenAI.InternalServerError]]) {
			const headers = { headers: { 'x-sim-fault': fault } };
			const err = await failure(openai.chat.completions.create({ model, messages: ASK }, headers), type);
			assert.ok(err.error.message && err.type, JSON.stringify(err.error));
			await failure(openai.responses.create({ model, input: ASK }, headers), type);
		}
		for (const create of [(more) => openai.chat.completions.create({ model, messages: ASK, stream: true }, more),
			(more) => openai.responses.create({ model, input: ASK, stream: true }, more)]) {
			const { events, error } = await brokenStream(await create({ headers: { 'x-sim-fault': 'truncate@3' } }));
			assert.ok(error instanceof OpenAI.APIError, `${error}`);
			assert.ok(events.every((e) => e.type !== 'response.completed' && e.choices?.[0]?.finish_reason == null));
		}
	});
}
