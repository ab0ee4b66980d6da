// Files, batches and models with the openai package: paths that name no model, and the list the gateway answers itself.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { noise, sha256, start } from './start.mjs';

let up, openai;

before(async () => {
	up = await start();
	openai = new OpenAI({ apiKey: up.key, baseURL: `${up.url}/v1`, maxRetries: 0 });
});

test('a file: create, retrieve, list, content, delete', async () => {
	const data = noise(40_000), name = 'übung "1".jsonl';
	const made = await openai.files.create({ file: await toFile(data, name), purpose: 'batch' });
	assert.equal(made.bytes, data.length);
	assert.equal((await openai.files.retrieve(made.id)).id, made.id);
	const listed = [];
	for await (const file of openai.files.list()) listed.push(file.id);
	assert.ok(listed.includes(made.id));
	const content = Buffer.from(await (await openai.files.content(made.id)).arrayBuffer());
	assert.equal(content.length, data.length);
	assert.equal((await openai.files.delete(made.id)).deleted, true);
	await assert.rejects(openai.files.retrieve(made.id), OpenAI.NotFoundError);
});

test('a small file\'s content comes back byte for byte', async () => {
	const data = noise(900);
	const { id } = await openai.files.create({ file: await toFile(data, 'a.bin'), purpose: 'user_data' });
	const content = Buffer.from(await (await openai.files.content(id)).arrayBuffer());
	assert.equal(sha256(content), sha256(data));
});

test('a batch is created and retrieved', async () => {
	const { id: input } = await openai.files.create({ file: await toFile(Buffer.from('{}\n'), 'b.jsonl'), purpose: 'batch' });
	const batch = await openai.batches.create(
		{ input_file_id: input, endpoint: '/v1/chat/completions', completion_window: '24h' });
	const again = await openai.batches.retrieve(batch.id);
	assert.equal(again.id, batch.id);
	assert.equal(again.input_file_id, input);
	assert.ok((await openai.batches.list()).data.some((b) => b.id === batch.id));
});

test('models: the list is what this key may use', async () => {
	const ids = [];
	for await (const model of openai.models.list()) ids.push(model.id);
	assert.ok(ids.includes('gpt-4o-mini') && ids.includes('claude-sonnet-4-5') && ids.includes('house-model'));
	const narrow = new OpenAI({ apiKey: up.narrowKey, baseURL: `${up.url}/v1`, maxRetries: 0 });
	const few = (await narrow.models.list()).data.map((m) => m.id).sort();
	assert.deepEqual(few, ['claude-haiku-4-5', 'gpt-4o-mini']);
});

test('models: one, and none', async () => {
	const model = await openai.models.retrieve('gpt-4o-mini');
	assert.deepEqual([model.id, model.object], ['gpt-4o-mini', 'model']);
	await assert.rejects(openai.models.retrieve('gpt-0'), OpenAI.NotFoundError);
});
