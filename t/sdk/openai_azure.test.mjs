// The openai package's Azure client against /openai/deployments/NAME/...: the deployment names the model.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import OpenAI, { AzureOpenAI, toFile } from 'openai';
import { noise, start } from './start.mjs';

const ASK = [{ role: 'user', content: 'hello' }];
let up, azure;

before(async () => {
	up = await start();
	azure = new AzureOpenAI({ endpoint: up.url, apiKey: up.key, apiVersion: '2024-10-21', deployment: 'house-model',
		maxRetries: 0 });
});

test('chat: the key comes as api-key, the model from the path', async () => {
	const answer = await azure.chat.completions.create({ messages: ASK });
	const [seen] = await up.requests();
	assert.ok(answer.choices[0].message.content);
	assert.equal(JSON.parse(seen.body).model, 'gpt-4o-mini');
	assert.equal(seen.path ?? seen.target, '/v1/chat/completions');
	assert.ok(!JSON.stringify(seen).includes(up.key));
});

test('a model in the body gives way to the deployment', async () => {
	await azure.chat.completions.create({ model: 'gpt-0', messages: ASK });
	assert.equal(JSON.parse((await up.requests())[0].body).model, 'gpt-4o-mini');
});

test('a stream', async () => {
	let text = '';
	for await (const chunk of await azure.chat.completions.create({ messages: ASK, stream: true }))
		text += chunk.choices[0]?.delta.content ?? '';
	assert.ok(text.length > 100);
});

test('without a deployment the model makes the path', async () => {
	const client = new AzureOpenAI({ endpoint: up.url, apiKey: up.key, apiVersion: '2024-10-21', maxRetries: 0 });
	const answer = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'hello' });
	assert.equal(answer.data[0].embedding.length, 1536);
});

test('an upload, whose form names no model', async () => {
	const client = new AzureOpenAI({ endpoint: up.url, apiKey: up.key, apiVersion: '2024-10-21',
		deployment: 'gpt-4o-transcribe', maxRetries: 0 });
	const form = { file: await toFile(noise(5000), 'a.mp3') };
	assert.ok((await client.audio.transcriptions.create(form)).text);
});

test('an unknown deployment is a 404, a wrong key a 401', async () => {
	const wrong = (more) => new AzureOpenAI({ endpoint: up.url, apiKey: up.key, apiVersion: '2024-10-21',
		deployment: 'gpt-0', maxRetries: 0, ...more });
	await assert.rejects(wrong().chat.completions.create({ messages: ASK }), OpenAI.NotFoundError);
	await assert.rejects(wrong({ apiKey: 'nobody' }).chat.completions.create({ messages: ASK }), OpenAI.AuthenticationError);
});
