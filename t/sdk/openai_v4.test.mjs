// The openai package's version 4, which many applications still pin: its own fetch (node-fetch), its own form encoder,
// Accept-Encoding: gzip, and keep-alive agents.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI, { toFile } from 'openai-v4';
import { billed, brokenStream, noise, sha256, start } from './start.mjs';

const CHAT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] };
let up, openai;

before(async () => {
	up = await start();
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
});

test('chat, whole and streamed', async () => {
	const whole = await openai.chat.completions.create(CHAT);
	let text = '';
	for await (const chunk of await openai.chat.completions.create({ ...CHAT, stream: true }))
		text += chunk.choices[0].delta.content ?? '';
	assert.equal(text, whole.choices[0].message.content);
	const seen = JSON.stringify(await up.requests(2));
	assert.ok(!/gzip|deflate/.test(seen), 'only what can be metered is offered to the provider');
});

test('abort in mid-stream cancels at the provider', async () => {
	const stream = await openai.chat.completions.create({ ...CHAT, stream: true },
		{ headers: { 'x-sim-events': '100000', 'x-sim-tps': '200' } });
	let chunks = 0;
	for await (const chunk of stream) {
		assert.ok(chunk.id);
		if (++chunks === 5) stream.controller.abort();
	}
	assert.ok((await billed(up, 'a cancelled stream', (e) => e.cancelled)).output < 5000);
});

test('uploads and downloads', async () => {
	const sound = await toFile(noise(400_000), 'a.mp3', { type: 'audio/mpeg' });
	assert.ok((await openai.audio.transcriptions.create({ file: sound, model: 'gpt-4o-transcribe' })).text);
	const made = await openai.files.create({ file: await toFile(noise(900), 'a.bin'), purpose: 'batch' });
	const content = Buffer.from(await (await openai.files.content(made.id)).arrayBuffer());
	assert.equal(sha256(content), sha256(noise(900)));
	const speech = await openai.audio.speech.create({ model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'toll' });
	assert.equal((await speech.arrayBuffer()).byteLength, 4 * 256);
});

test('errors', async () => {
	const stranger = new OpenAI({ apiKey: 'nobody', baseURL: `${up.url}/v1`, maxRetries: 0 });
	await assert.rejects(stranger.chat.completions.create(CHAT), OpenAI.AuthenticationError);
	await assert.rejects(openai.chat.completions.create({ ...CHAT, model: 'gpt-0' }), OpenAI.NotFoundError);
	const stream = await openai.chat.completions.create({ ...CHAT, stream: true }, { headers: { 'x-sim-fault': 'truncate@5' } });
	assert.ok((await brokenStream(stream)).error instanceof OpenAI.APIError);
});
