// Embeddings, images, sound and moderation with the openai package: uploads arrive byte for byte, downloads too.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { noise, price, sha256, start } from './start.mjs';

let up, openai, direct;

before(async () => {
	up = await start();
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
	direct = new OpenAI({ apiKey: 'sk-provider-account', baseURL: `${up.sim}/v1`, maxRetries: 0 });
});

test('embeddings: base64 on the wire by default, and as plain numbers when asked', async () => {
	const body = { model: 'text-embedding-3-small', input: ['one', 'two words'] };
	const { data, response } = await openai.embeddings.create(body).withResponse();
	const [seen] = await up.requests();
	const plain = await openai.embeddings.create({ ...body, encoding_format: 'float' });
	assert.equal(JSON.parse(seen.body).encoding_format, 'base64');
	assert.equal(data.data.length, 2);
	assert.equal(data.data[1].embedding.length, 1536);
	data.data[1].embedding.forEach((v, i) => assert.ok(Math.abs(v - plain.data[1].embedding[i]) < 1e-5));
	assert.equal(data.usage.prompt_tokens, 4);
	assert.equal(response.headers.get('x-tollgate-cost-usd'), price('openai', body.model, { input: 4 }));
});

test('an image is generated', async () => {
	const { data, response } = await openai.images.generate(
		{ model: 'gpt-image-1', prompt: 'a gate at dusk', n: 2, quality: 'low' }).withResponse();
	assert.equal(data.data.length, 2);
	assert.equal(Buffer.from(data.data[0].b64_json, 'base64').toString('latin1', 1, 4), 'PNG');
	assert.equal(data.usage.output_tokens, 544);
	assert.ok(Number(response.headers.get('x-tollgate-cost-usd')) > 0);
});

test('an image streams, partial pictures first', async () => {
	const types = [];
	for await (const event of await openai.images.generate(
		{ model: 'gpt-image-1', prompt: 'a gate', stream: true, partial_images: 1 })) types.push(event.type);
	assert.deepEqual(types, ['image_generation.partial_image', 'image_generation.completed']);
});

test('an image edit uploads several pictures and a mask', async () => {
	const picture = (name, n) => toFile(noise(n), name, { type: 'image/png' });
	const answer = await openai.images.edit({
		model: 'gpt-image-1', prompt: 'at night', quality: 'low',
		image: [await picture('a.png', 70_000), await picture('b.png', 1)], mask: await picture('mask.png', 3000),
	});
	assert.equal(answer.data.length, 1);
	assert.equal(answer.usage.input_tokens_details.image_tokens, 3 * 323);
});

test('a transcription: the model may stand behind the file', async () => {
	// the SDK writes form fields in the order of the object's members
	const sound = noise(2_000_000);
	const form = { file: await toFile(sound, 'speech.mp3', { type: 'audio/mpeg' }), model: 'gpt-4o-transcribe' };
	const { data, response } = await openai.audio.transcriptions.create(form).withResponse();
	const want = await direct.audio.transcriptions.create(form);
	assert.deepEqual(data, want, 'the simulator\'s text follows from the sound\'s hash');
	assert.equal(data.usage.input_tokens, 1250);
	assert.ok(Number(response.headers.get('x-tollgate-cost-usd')) > 0);
});

test('a transcription: the model in front, and the file from disk as a stream', async () => {
	const file = path.join(up.dir, 'sound.wav');
	fs.writeFileSync(file, noise(300_001));
	const answer = await openai.audio.transcriptions.create(
		{ model: 'whisper-1', file: fs.createReadStream(file), response_format: 'verbose_json' });
	assert.equal(answer.duration, 19);
});

test('a transcription as text, and streamed', async () => {
	const form = async (more) => ({ model: 'gpt-4o-mini-transcribe', file: await toFile(noise(5000), 'a.mp3'), ...more });
	const text = await openai.audio.transcriptions.create(await form({ response_format: 'text' }));
	let streamed = '', done;
	for await (const event of await openai.audio.transcriptions.create(await form({ stream: true }))) {
		streamed += event.delta ?? '';
		done = event.text ?? done;
	}
	assert.equal(text, `${done}\n`);
	assert.equal(streamed, done);
});

test('speech comes down byte for byte', async () => {
	const body = { model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'toll '.repeat(400), response_format: 'wav' };
	const response = await openai.audio.speech.create(body);
	const got = Buffer.from(await response.arrayBuffer());
	const want = Buffer.from(await (await direct.audio.speech.create(body)).arrayBuffer());
	assert.equal(response.headers.get('content-type'), 'audio/wav');
	assert.ok(want.length > 500_000);
	assert.equal(sha256(got), sha256(want));
});

test('moderation, with a model and without one', async () => {
	const named = await openai.moderations.create({ model: 'omni-moderation-latest', input: ['fine', 'flagme'] });
	assert.deepEqual(named.results.map((r) => r.flagged), [false, true]);
	assert.equal((await openai.moderations.create({ input: 'fine' })).results[0].flagged, false);
});
