// The @langchain/openai package, unchanged apart from the base URL, at targets of four APIs: chat completions and Responses.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { PASS_SIM_FIELDS, start, until } from './start.mjs';

const skip = Number(process.versions.node.split('.')[0]) < 20 && '@langchain/openai needs node 20';
const { ChatOpenAI } = skip ? {} : await import('@langchain/openai');
const { AIMessage, HumanMessage, SystemMessage, ToolMessage } = skip ? {} : await import('@langchain/core/messages');
const { z } = skip ? {} : await import('zod');

const MODELS = { openai: 'gpt-4o-mini', responses: 'gpt-4.1-nano', anthropic: 'claude-sonnet-4-5', gemini: 'gemini-2.5-flash',
	bedrock: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0' };
// these bill a cancelled stream all the same: the gateway reads it to its end to know the cost
const BILLED_TO_THE_END = ['gemini', 'bedrock'];
const ASK = 'What is a tollgate good for?';
let up, Place, WEATHER;

before(async () => {
	if (skip) return;
	const rows = (text) => Object.fromEntries(Object.keys(MODELS).map((name) => [`to-${name}`, text(name)]));
	up = await start({
		targets: (sim) => rows((name) => `provider: ${name === 'responses' ? 'openai, chat_api: responses' : name}, base_url: http://${sim}, key: sk-provider-account${PASS_SIM_FIELDS}`),
		models: () => rows((name) => `targets: { target: to-${name}, model: "${MODELS[name]}" }`),
	});
	Place = z.object({ city: z.string() });
	WEATHER = { name: 'get_weather', description: 'The weather at a place', schema: Place };
});

const chat = (target, responses, { headers, ...more } = {}) => new ChatOpenAI({ model: `to-${target}`, apiKey: up.key, maxRetries: 0,
	useResponsesApi: responses, configuration: { baseURL: `${up.url}/v1`, defaultHeaders: headers }, ...more });
const each = (what, body) => {
	for (const responses of [false, true]) {
		for (const target of Object.keys(MODELS)) {
			test(`${responses ? 'responses' : 'chat'} at ${target}: ${what}`, { skip }, () => body((more) => chat(target, responses, more), target, responses));
		}
	}
};
const failure = (promise) => promise.then(() => assert.fail('it succeeded'), (err) => err);
const sent = async () => JSON.parse((await up.requests())[0].body);
const counted = async (usage) => {
	const { billed_input: input, billed_output: output } = (await up.ledger()).entries.at(-1);
	assert.deepEqual([usage.input_tokens, usage.output_tokens], [input, output]);
};

each('an answer, whole and streamed', async (make) => {
	const messages = [new SystemMessage('Be brief.'), new HumanMessage(ASK)];
	const whole = await make().invoke(messages);
	assert.ok(whole.text.length > 100);
	await counted(whole.usage_metadata);
	let all;
	for await (const chunk of await make().stream(messages)) all = all ? all.concat(chunk) : chunk;
	assert.equal(all.text, whole.text);
	await counted(all.usage_metadata);
});

each('a tool is called, and its result goes back', async (make) => {
	const bound = make().bindTools([WEATHER]), USE = 'Use the tool for the weather in Ghent.';
	const first = await bound.invoke(USE);
	assert.deepEqual(first.tool_calls.map((c) => [c.name, typeof c.args.city]), [['get_weather', 'string']]);
	let all;
	for await (const chunk of await bound.stream(USE)) all = all ? all.concat(chunk) : chunk;
	assert.deepEqual(all.tool_calls.map((c) => c.args), first.tool_calls.map((c) => c.args));
	const answer = await make().bindTools([WEATHER]).invoke([new HumanMessage(USE), first,
		new ToolMessage({ tool_call_id: first.tool_calls[0].id, content: '19 degrees' })]);
	assert.ok(answer.text.length > 10);
});

each('parallel calls and their results go back together', async (make, target) => {
	const call = (id, city) => ({ id, name: 'get_weather', args: { city }, type: 'tool_call' });
	await make().bindTools([WEATHER]).invoke([new HumanMessage(ASK), new AIMessage({ content: '', tool_calls: [call('call_1', 'Ghent'), call('call_2', 'Bruges')] }),
		new ToolMessage({ tool_call_id: 'call_1', content: '19 degrees' }), new ToolMessage({ tool_call_id: 'call_2', content: '20 degrees' })]);
	const body = await sent(), turns = body.messages ?? body.contents ?? body.input;
	const tail = JSON.stringify(turns.slice(-2));
	assert.ok(tail.indexOf('19 degrees') > 0 && tail.indexOf('20 degrees') > tail.indexOf('19 degrees'));
	if (!['openai', 'responses'].includes(target)) assert.equal(turns.length, 3);
});

each('structured output, by a schema and by a tool', async (make) => {
	for (const method of ['jsonSchema', 'functionCalling']) {
		const place = await make().withStructuredOutput(Place, { name: 'place', method }).invoke(ASK);
		assert.deepEqual([Object.keys(place), typeof place.city], [['city'], 'string']);
	}
});

each('errors keep their status', async (make) => {
	for (const status of [400, 429, 500]) {
		const err = await failure(make({ headers: { 'x-sim-fault': `${status}` } }).invoke(ASK));
		assert.equal(err.status, status, `${err}`);
	}
});

each('a stream that breaks off is an error', async (make, target, responses) => {
	// LangChain passes over OpenAI's own `error` event; ours is a failed response
	for (const fault of responses && ['openai', 'responses'].includes(target) ? ['truncate@4'] : ['truncate@4', 'stream-error@4']) {
		await failure((async () => {
			for await (const chunk of await make({ headers: { 'x-sim-fault': fault } }).stream(ASK)) assert.ok(chunk);
		})());
	}
});

each('an abort in mid-stream cancels the request at the provider, or waits for its cost', async (make, target) => {
	const earlier = (await up.ledger()).entries.length;
	const events = BILLED_TO_THE_END.includes(target) ? 200 : 16_000;
	const abort = new AbortController();
	let pieces = 0;
	await failure((async () => {
		const stream = await make({ headers: { 'x-sim-events': `${events}`, 'x-sim-tps': '200' }, maxTokens: 16_000 }).stream(ASK, { signal: abort.signal });
		for await (const chunk of stream) if (chunk.text && ++pieces === 5) abort.abort();
	})());
	assert.ok(pieces < 200);
	const entry = await until('the provider has billed it', async () => (await up.ledger()).entries[earlier]);
	if (BILLED_TO_THE_END.includes(target)) assert.deepEqual([entry.completed, entry.output], [true, 200]);
	else assert.ok(entry.cancelled && !entry.completed && entry.output < 5000, `${entry.output}`);
});
