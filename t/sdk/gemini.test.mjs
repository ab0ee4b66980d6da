// The @google/genai package, unchanged, at targets of three APIs: whole answers and streams, chats, tools, JSON, counting,
// embeddings, errors, an abort, and the money.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { billed, PASS_SIM_FIELDS, price, start, until } from './start.mjs';

const skip = Number(process.versions.node.split('.')[0]) < 20 && '@google/genai needs node 20';
const { GoogleGenAI, ApiError, FunctionCallingConfigMode } = skip ? {} : await import('@google/genai');

const TARGETS = { 'gemini-2.5-flash': 'gemini', 'gemini-3-pro-preview': 'gemini', 'gpt-4o-mini': 'openai', 'claude-sonnet-4-5': 'anthropic' };
const ASK = 'What is a tollgate good for?';
const WEATHER = { name: 'get_weather', description: 'The weather at a place',
	parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
let up, ai;

before(async () => {
	if (skip) return;
	up = await start({ openai: PASS_SIM_FIELDS, claude: PASS_SIM_FIELDS,
		targets: (sim) => ({ gemini: `provider: gemini, base_url: http://${sim}, key: sk-provider-account` }),
		models: () => ({ 'gemini-2.5-flash': 'targets: gemini', 'gemini-3-pro-preview': 'targets: gemini' }) });
	ai = client();
});

const client = (more) => new GoogleGenAI({ apiKey: up.key, httpOptions: { baseUrl: up.url, ...more } });
const sent = async () => JSON.parse((await up.requests())[0].body);
const failure = (promise) => promise.then(() => assert.fail('it succeeded'), (err) => {
	assert.ok(err instanceof ApiError, `${err?.constructor?.name}: ${err}`);
	return err;
});
const each = (name, body) => {
	for (const model of Object.keys(TARGETS)) test(`${name}: ${model}`, { skip }, () => body(model));
};

/** What the gateway says it costs is what the simulator billed, at the list price. */
async function paid(model, id) {
	const { input, output, reasoning } = (await up.ledger()).entries.at(-1);
	const usage = { input, output, ...(reasoning ? { output_reasoning: reasoning } : {}) };
	const cost = price(TARGETS[model], model, { input, output: output + reasoning });
	const line = await until('the last line', async () => (await up.logged(id)));
	assert.deepEqual([line.usage, line.cost_usd], [usage, cost]);
	return { input, output };
}
const idOf = (response) => response.sdkHttpResponse.headers['x-tollgate-request-id'];

each('an answer arrives whole, with usage and cost', async (model) => {
	const answer = await ai.models.generateContent({ model, contents: ASK,
		config: { systemInstruction: 'Be brief.', maxOutputTokens: 1000, temperature: 0.5, stopSequences: ['END'] } });
	assert.ok(answer.text.length > 100);
	assert.equal(answer.candidates[0].finishReason, 'STOP');
	assert.ok(answer.responseId && answer.modelVersion);
	const { input, output } = await paid(model, idOf(answer));
	assert.deepEqual([answer.usageMetadata.promptTokenCount, answer.usageMetadata.candidatesTokenCount], [input, output]);
	assert.ok(!JSON.stringify(await up.requests()).includes(up.key));
});

each('a stream says the same, piece by piece', async (model) => {
	const whole = await ai.models.generateContent({ model, contents: ASK });
	const stream = await ai.models.generateContentStream({ model, contents: ASK });
	let text = '', last, n = 0;
	for await (const chunk of stream) {
		text += chunk.text ?? '';
		last = chunk;
		n++;
	}
	assert.equal(text, whole.text);
	assert.ok(n > 10);
	assert.equal(last.candidates[0].finishReason, 'STOP');
	const { input, output } = await paid(model, idOf(last));
	assert.deepEqual([last.usageMetadata.promptTokenCount, last.usageMetadata.candidatesTokenCount], [input, output]);
});

each('a chat keeps its history, and the function that is called gets its answer back', async (model) => {
	const chat = ai.chats.create({ model, config: { tools: [{ functionDeclarations: [WEATHER] }] } });
	const first = await chat.sendMessage({ message: 'Use the tool for Bern, please.' });
	const [call] = first.functionCalls;
	assert.equal(call.name, 'get_weather');
	assert.equal(typeof call.args.city, 'string');
	const second = await chat.sendMessage({ message: [{ functionResponse: { id: call.id, name: call.name, response: { output: 'rain' } } }] });
	assert.ok(second.text.length > 50);
	await paid(model, idOf(second));
	assert.deepEqual(chat.getHistory().map((c) => c.role), ['user', 'model', 'user', 'model']);
});

each('a function call in a stream comes in one piece', async (model) => {
	const stream = await ai.models.generateContentStream({ model, contents: 'Tell me.', config: {
		tools: [{ functionDeclarations: [WEATHER] }],
		toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['get_weather'] } } } });
	const calls = [];
	for await (const chunk of stream) calls.push(...(chunk.functionCalls ?? []));
	assert.equal(calls.length, 1);
	assert.equal(typeof calls[0].args.city, 'string');
});

each('JSON by a schema is asked for in the target\'s words', async (model) => {
	const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
	await ai.models.generateContent({ model, contents: ASK, config: { responseMimeType: 'application/json', responseJsonSchema: schema } });
	const body = await sent();
	const asked = body.generationConfig?.responseJsonSchema ?? body.response_format?.json_schema?.schema ?? body.output_config?.format?.schema;
	assert.deepEqual(asked, schema);
});

each('a picture arrives', async (model) => {
	const data = Buffer.from('not really a png').toString('base64');
	const answer = await ai.models.generateContent({ model, contents: [{ role: 'user', parts: [
		{ text: 'What is it?' }, { inlineData: { mimeType: 'image/png', data } }] }] });
	assert.ok(answer.text);
	assert.ok(JSON.stringify(await sent()).includes(data));
});

each('errors are the SDK\'s own', async (model) => {
	for (const [fault, status, word] of [['429', 429, 'RESOURCE_EXHAUSTED'], ['400', 400, 'INVALID_ARGUMENT'], ['503', 503, 'UNAVAILABLE']]) {
		const err = await failure(client({ headers: { 'x-sim-fault': fault } }).models.generateContent({ model, contents: ASK }));
		assert.equal(err.status, status);
		assert.equal(JSON.parse(err.message).error.status, word);
	}
});

each('a stream that fails in the midst fails in the SDK', async (model) => {
	const stream = await client({ headers: { 'x-sim-fault': 'stream-error@6' } }).models.generateContentStream({ model, contents: ASK });
	let text = '';
	await assert.rejects(async () => {
		for await (const chunk of stream) text += chunk.text ?? '';
	}, ApiError);
	assert.ok(text.length > 0);
});

each('a stream that breaks off fails in the SDK', async (model) => {
	const stream = await client({ headers: { 'x-sim-fault': 'truncate@6' } }).models.generateContentStream({ model, contents: ASK });
	await assert.rejects(async () => {
		for await (const chunk of stream) void chunk;
	});
});

test('the gateway\'s own errors: unknown model, wrong key, what a target cannot do', { skip }, async () => {
	const unknown = await failure(ai.models.generateContent({ model: 'nobody-knows-it', contents: ASK }));
	assert.deepEqual([unknown.status, JSON.parse(unknown.message).error.status], [404, 'NOT_FOUND']);
	const stranger = new GoogleGenAI({ apiKey: 'tg-wrong', httpOptions: { baseUrl: up.url } });
	const refused = await failure(stranger.models.generateContent({ model: 'gpt-4o-mini', contents: ASK }));
	assert.deepEqual([refused.status, JSON.parse(refused.message).error.status], [401, 'UNAUTHENTICATED']);
	const lost = await failure(ai.models.generateContent({ model: 'gpt-4o-mini', contents: ASK, config: { tools: [{ googleSearch: {} }] } }));
	assert.equal(lost.status, 400);
	assert.match(lost.message, /tools\[\]\.googleSearch/);
});

test('models are listed', { skip }, async () => {
	const names = [];
	for await (const model of await ai.models.list()) names.push(model.name);
	for (const model of Object.keys(TARGETS)) assert.ok(names.includes(`models/${model}`), model);
	assert.equal((await ai.models.get({ model: 'gpt-4o-mini' })).displayName, 'gpt-4o-mini');
});

test('tokens are counted, texts embedded', { skip }, async () => {
	assert.equal((await ai.models.countTokens({ model: 'gemini-2.5-flash', contents: ASK })).totalTokens, 7);
	const { embeddings } = await ai.models.embedContent({ model: 'gemini-2.5-flash', contents: ['a', 'b'], config: { outputDimensionality: 8 } });
	assert.deepEqual(embeddings.map((e) => e.values.length), [8, 8]);
});

test('an abort ends the request at the provider, too', { skip }, async () => {
	const abort = new AbortController();
	const stream = await client({ headers: { 'x-sim-tps': '5', 'x-sim-tag': 'aborted' } }).models.generateContentStream({
		model: 'gpt-4o-mini', contents: ASK, config: { abortSignal: abort.signal } });
	await assert.rejects(async () => {
		for await (const chunk of stream) if (chunk.text) abort.abort();
	});
	await billed(up, 'the aborted one', (e) => e.stream && e.cancelled);
});

test('thoughts are shown when they are asked for', { skip }, async () => {
	for (const model of ['gemini-2.5-flash', 'claude-sonnet-4-5']) {
		const answer = await ai.models.generateContent({ model, contents: ASK,
			config: { maxOutputTokens: 4000, thinkingConfig: { thinkingBudget: 1024, includeThoughts: true } } });
		const [thought, text] = answer.candidates[0].content.parts;
		assert.ok(thought.thought && thought.text.length > 10, model);
		assert.ok(!text.thought && text.text.length > 10, model);
		assert.equal(answer.usageMetadata.thoughtsTokenCount, 8);
	}
});
