// Chat completions with the openai package: what an application does most of its day.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI from 'openai';
import { billed, price, start, until } from './start.mjs';

const MODEL = 'gpt-4o-mini';
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
	up = await start();
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
});

test('a chat completion arrives whole, with usage, request id and cost', async () => {
	const { data, response, request_id: id } = await openai.chat.completions
		.create({ model: MODEL, messages: ASK }).withResponse();
	const h = response.headers, [seen] = await up.requests();
	const input = Math.ceil(ASK[0].content.length / 4);
	assert.equal(data.object, 'chat.completion');
	assert.ok(data.choices[0].message.content.length > 100);
	assert.equal(data.choices[0].finish_reason, 'stop');
	assert.deepEqual([data.usage.prompt_tokens, data.usage.completion_tokens], [input, 32]);
	assert.equal(h.get('x-tollgate-cost-usd'), price('openai', MODEL, { input, output: 32 }));
	assert.deepEqual(JSON.parse(h.get('x-tollgate-usage')), { input, output: 32 });
	assert.equal(h.get('x-tollgate-target'), 'openai');
	assert.equal(h.get('x-tollgate-attempts'), '1');
	assert.ok(id, 'the SDK shows the provider\'s request id for support');
	assert.match(h.get('x-tollgate-request-id'), /^req_[0-9a-f]{24}$/);
	const line = await up.logged(h.get('x-tollgate-request-id'));
	assert.equal(line.tenant, 'sdk');
	// the client's key stays here
	assert.ok(!JSON.stringify(seen).includes(up.key));
});

test('parameters reach the provider as the application wrote them, but for the model\'s name', async () => {
	const body = { model: 'house-model', messages: ASK, temperature: 0.1 + 0.2, seed: 9007199254740991, n: 2,
		stop: ['\u2028', '🚦'], metadata: { note: 'naïve "quotes"' }, logit_bias: { 50256: -100 } };
	const answer = await openai.chat.completions.create(body);
	const [seen] = await up.requests();
	assert.equal(answer.choices.length, 2);
	assert.deepEqual(JSON.parse(seen.body), { ...body, model: MODEL });
});

test('a stream gives its pieces in order and ends', async () => {
	const stream = await openai.chat.completions.create({ model: MODEL, messages: ASK, stream: true });
	const whole = await openai.chat.completions.create({ model: MODEL, messages: ASK });
	let text = '', finish, chunks = 0;
	for await (const chunk of stream) {
		chunks++;
		assert.equal(chunk.object, 'chat.completion.chunk');
		text += chunk.choices[0].delta.content ?? '';
		finish = chunk.choices[0].finish_reason ?? finish;
	}
	assert.equal(text, whole.choices[0].message.content);
	assert.equal(finish, 'stop');
	assert.equal(chunks, 34);
});

test('usage in a stream: absent when not asked for, and metered all the same', async () => {
	const { data: stream, response } = await openai.chat.completions
		.create({ model: MODEL, messages: ASK, stream: true }).withResponse();
	for await (const chunk of stream) {
		assert.equal(chunk.choices.length, 1, 'the added usage chunk must be taken out again');
		assert.ok(!chunk.usage);
	}
	const line = await up.logged(response.headers.get('x-tollgate-request-id'));
	assert.deepEqual(line.usage, { input: 7, output: 32 });
	assert.equal(line.cost_usd, price('openai', MODEL, { input: 7, output: 32 }));
	assert.equal(JSON.parse((await up.requests())[0].body).stream_options.include_usage, true);
});

test('usage in a stream: present when asked for', async () => {
	const stream = await openai.chat.completions.create(
		{ model: MODEL, messages: ASK, stream: true, stream_options: { include_usage: true } });
	const withUsage = [];
	let last;
	for await (const chunk of stream) {
		if (chunk.usage) withUsage.push(chunk);
		last = chunk;
	}
	assert.equal(withUsage.length, 1);
	assert.equal(withUsage[0], last);
	assert.equal(last.choices.length, 0);
	assert.deepEqual([last.usage.prompt_tokens, last.usage.completion_tokens], [7, 32]);
});

test('the stream helper assembles the final completion', async () => {
	const stream = openai.chat.completions.stream({ model: MODEL, messages: ASK });
	let text = '';
	stream.on('content', (delta) => { text += delta; });
	const final = await stream.finalChatCompletion();
	assert.equal(final.choices[0].message.content, text);
	assert.equal(final.choices[0].finish_reason, 'stop');
	assert.ok(text.length > 100);
});

test('abort in mid-stream cancels the request at the provider', async () => {
	const stream = await openai.chat.completions.create(
		{ model: MODEL, messages: ASK, stream: true, user: 'aborts' },
		{ headers: { 'x-sim-events': '100000', 'x-sim-tps': '200' } });
	let chunks = 0;
	for await (const chunk of stream) {
		assert.ok(chunk.id);
		if (++chunks === 5) stream.controller.abort();
	}
	const entry = await billed(up, 'a cancelled stream', (e) => e.cancelled);
	assert.ok(chunks < 100);
	assert.equal(entry.completed, false);
	assert.ok(entry.output < 5000, `${entry.output} tokens were generated for a client that had gone`);
});

test('breaking out of the loop cancels too', async () => {
	const already = (await up.ledger()).cancelled;
	const stream = await openai.chat.completions.create({ model: MODEL, messages: ASK, stream: true },
		{ headers: { 'x-sim-events': '100000', 'x-sim-tps': '200' } });
	for await (const chunk of stream) {
		assert.ok(chunk.id);
		break;
	}
	await until('another cancelled stream', async () => (await up.ledger()).cancelled > already);
});

test('an abort signal before the first byte cancels at the provider', async () => {
	const stop = new AbortController(), before = (await up.ledger()).requests;
	const asked = openai.chat.completions.create({ model: MODEL, messages: ASK, stream: true },
		{ signal: stop.signal, headers: { 'x-sim-ttft': '60s' } });
	const failed = assert.rejects(asked, OpenAI.APIUserAbortError);
	await until('the request is with the provider', async () => (await up.ledger()).in_flight > 0);
	stop.abort();
	await failed;
	await until('the request ends there', async () => (await up.ledger()).requests > before);
});

test('a tool is called, its result goes back, the answer comes', async () => {
	const messages = [{ role: 'user', content: 'Use the tool for the weather in Ghent.' }];
	const first = await openai.chat.completions.create({ model: MODEL, messages, tools: [WEATHER] });
	const call = first.choices[0].message.tool_calls[0];
	assert.equal(first.choices[0].finish_reason, 'tool_calls');
	assert.equal(call.function.name, 'get_weather');
	assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
	messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '{"degrees":19}' });
	const second = await openai.chat.completions.create({ model: MODEL, messages, tools: [WEATHER] });
	assert.equal(second.choices[0].finish_reason, 'stop');
	assert.ok(second.choices[0].message.content);
});

test('a tool call streams in pieces of its arguments', async () => {
	const runner = openai.chat.completions.stream({ model: MODEL, tools: [WEATHER],
		messages: ASK, tool_choice: 'required' });
	const message = await runner.finalMessage();
	assert.equal(message.tool_calls[0].function.name, 'get_weather');
	assert.equal(typeof JSON.parse(message.tool_calls[0].function.arguments).city, 'string');
});

test('runTools runs the loop to the end, streamed and not', async () => {
	for (const stream of [false, true]) {
		let ran = 0;
		const runner = openai.chat.completions.runTools({
			model: MODEL, stream,
			messages: [{ role: 'user', content: 'Use the tool for the weather in Ghent.' }],
			tools: [{ type: 'function', function: { ...WEATHER.function, parse: JSON.parse,
				function: ({ city }) => { ran++; return `19 degrees in ${city}`; } } }],
		});
		assert.ok((await runner.finalContent()).length > 10);
		assert.equal(ran, 1);
	}
});

test('fifty requests at once over few connections do not mix their answers', async () => {
	const texts = Array.from({ length: 50 }, (_, i) => `question number ${i} `.repeat(i + 1));
	const answers = await Promise.all(texts.map((content) => openai.chat.completions.create(
		{ model: MODEL, messages: [{ role: 'user', content }] })));
	answers.forEach((a, i) => assert.equal(a.usage.prompt_tokens, Math.ceil(texts[i].length / 4)));
	assert.equal(new Set(answers.map((a) => a.id)).size, 50);
});

test('legacy completions, whole and streamed', async () => {
	const body = { model: MODEL, prompt: 'Once upon a tollgate' };
	const whole = await openai.completions.create(body);
	let text = '';
	for await (const chunk of await openai.completions.create({ ...body, stream: true })) {
		assert.equal(chunk.choices.length, 1);
		text += chunk.choices[0].text;
	}
	assert.equal(text, whole.choices[0].text);
	assert.equal(whole.usage.completion_tokens, 16);
});
