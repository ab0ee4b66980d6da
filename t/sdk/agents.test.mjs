// Coding agents, unchanged, through the gateway at targets of five APIs: a question, a turn with a tool, and for Codex a tool
// of an MCP server, which it puts into a namespace. What they ask besides of the provider must not be refused, every request is
// in the ledger as the provider billed it, and nobody but the gateway is asked.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { agents, noAgents } from './agents.mjs';
import { run } from './run.mjs';
import { HERE, PASS_SIM_FIELDS, ROOT, start, until } from './start.mjs';

const MODELS = {
	anthropic: ['anthropic', 'claude-sonnet-4-5'],
	chat: ['openai', 'gpt-4o-mini'],
	responses: ['openai, chat_api: responses', 'gpt-5-mini'],
	gemini: ['gemini', 'gemini-2.5-flash'],
	bedrock: ['bedrock', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
	cohere: ['cohere', 'command-a-03-2025'],
};
const NOTE = 'the gate opens at seven';
const skip = noAgents();
let up, agent, note;

/** A block of the guide that runs, as printed but for the model. */
function documented(word, model) {
	const page = fs.readFileSync(path.join(ROOT, 'docs/guide/agents.md'), 'utf8');
	const block = [...page.matchAll(/<!-- run: agents -->\n```sh\n(.*?)```/gs)].map((m) => m[1]).find((text) => text.includes(word));
	return block.replaceAll(/claude-sonnet-4-5|claude-haiku-4-5|gpt-4o-mini/g, model);
}

/** The block up to its last line, which is replaced. */
const instead = (block, line) => `${block.trimEnd().split('\n').slice(0, -1).join('\n')}\n${line}\n`;

before(async () => {
	if (skip) return;
	up = await start({
		targets: (sim) => Object.fromEntries(Object.entries(MODELS).map(([name, [provider]]) =>
			[name, `provider: ${provider}, base_url: http://${sim}, key: sk-provider-account${PASS_SIM_FIELDS}`])),
		models: () => Object.fromEntries(Object.entries(MODELS).map(([name, [, model]]) =>
			[`at-${name}`, `targets: { target: ${name}, model: "${model}" }`])),
	});
	agent = await agents(up);
	note = path.join(up.dir, 'note.txt');
	fs.writeFileSync(note, `${NOTE}\n`);
});

const lines = (text) => text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
const sum = (usage, kind) => Object.entries(usage).filter(([name]) => name.startsWith(kind)).reduce((n, [, v]) => n + v, 0);

/** Runs a script; `requests` of the agent to the model, all answered, and paid as the provider billed them. */
async function runs(script, name, requests, env = {}) {
	const logged = up.loggedOf('sdk').length, billed = (await up.ledger()).requests;
	const { code, out, err } = await run(['bash', '-euo', 'pipefail', '-c', script], { env: { ...agent.env, ...env }, cwd: up.dir });
	assert.equal(code, 0, `${out}\n${err}`);
	const asked = await until(`${requests} requests in the access log`, () => {
		const since = up.loggedOf('sdk').slice(logged);
		return since.length >= requests && since;
	});
	const what = JSON.stringify(asked, null, 1);
	assert.ok(asked.every((l) => l.status === 200 && l.end === 'ok' && l.target === name && l.quality === 'exact'), what);
	assert.equal(asked.length, requests, what);
	assert.ok(asked.every((l) => Number(l.cost_usd) > 0), what);
	const ledger = await up.ledger(), entries = ledger.entries.slice(-requests);
	assert.equal(ledger.requests - billed, requests);
	assert.deepEqual(asked.map((l) => [sum(l.usage, 'in'), sum(l.usage, 'out')]), entries.map((e) => [e.billed_input, e.billed_output]));
	assert.deepEqual(agent.asked.splice(0), [], 'others were asked');
	return out;
}

const toolFields = (tool, args) => ({ 'x-sim-tool': tool, 'x-sim-tool-arguments': JSON.stringify(args) });
const customHeaders = (fields) => ({ ANTHROPIC_CUSTOM_HEADERS: Object.entries(fields).map((f) => f.join(': ')).join('\n') });
const codexHeaders = (fields) => `[model_providers.tollgate.http_headers]\n${Object.entries(fields)
	.map(([key, value]) => `"${key}" = '${value}'`).join('\n')}\n`;

/** Codex with more in its configuration. */
function codex(model, more, question) {
	const block = documented('codex exec', model).replace('TOML\ncodex', () => `${more}TOML\ncodex`);
	return instead(block, `codex exec --json --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox ${question}`);
}

if (skip) test('Claude Code and Codex', { skip }, () => {});

for (const name of skip ? [] : Object.keys(MODELS)) {
	const model = `at-${name}`;

	test(`Claude Code at ${name}: answers`, async () => {
		const out = await runs(instead(documented('claude -p', model), 'claude -p "What is a tollgate?" --output-format json'), name, 1);
		const [result] = lines(out);
		assert.deepEqual([result.is_error, result.subtype, result.num_turns], [false, 'success', 1]);
		assert.ok(result.result.length > 20, out);
		assert.ok(result.usage.output_tokens > 0, out);
	});

	test(`Claude Code at ${name}: reads a file`, async () => {
		const script = instead(documented('claude -p', model),
			'claude -p "Use a tool to read the note." --allowedTools Read --output-format stream-json --verbose');
		const events = lines(await runs(script, name, 2, customHeaders(toolFields('Read', { file_path: note }))));
		const blocks = events.flatMap((e) => (Array.isArray(e.message?.content) ? e.message.content : []));
		const call = blocks.find((b) => b.type === 'tool_use'), result = blocks.find((b) => b.type === 'tool_result');
		assert.deepEqual([call.name, call.input.file_path], ['Read', note]);
		assert.equal(result.tool_use_id, call.id);
		assert.match(JSON.stringify(result.content), new RegExp(NOTE));
		assert.deepEqual([events.at(-1).type, events.at(-1).is_error, events.at(-1).num_turns], ['result', false, 2]);
	});

	test(`Claude Code at ${name}: finds a tool that it had put off`, async () => {
		const script = instead(documented('claude -p', model), 'claude -p "Use a tool." --output-format stream-json --verbose');
		const events = lines(await runs(script, name, 2, customHeaders(toolFields('ToolSearch', { query: 'select:CronList' }))));
		const result = events.flatMap((e) => (Array.isArray(e.message?.content) ? e.message.content : [])).find((b) => b.type === 'tool_result');
		assert.deepEqual(result.content, [{ type: 'tool_reference', tool_name: 'CronList' }]);
		assert.deepEqual([events.at(-1).is_error, events.at(-1).num_turns], [false, 2]);
	});

	if (name === 'responses') continue; // as chat to Codex: the same provider, in the API that both speak
	test(`Codex at ${name}: answers`, async () => {
		const events = lines(await runs(codex(model, '', '"What is a tollgate?"'), name, 1));
		const answer = events.find((e) => e.type === 'item.completed' && e.item.type === 'agent_message');
		assert.ok(answer.item.text.length > 20);
		assert.equal(events.at(-1).type, 'turn.completed');
		assert.ok(events.at(-1).usage.output_tokens > 0);
	});

	test(`Codex at ${name}: runs a command`, async () => {
		const fields = codexHeaders(toolFields('exec_command', { cmd: `cat ${note}` }));
		const events = lines(await runs(codex(model, fields, '"Use a tool to read the note."'), name, 2));
		const ran = events.find((e) => e.type === 'item.completed' && e.item.type === 'command_execution');
		assert.deepEqual([ran.item.exit_code, ran.item.aggregated_output], [0, `${NOTE}\n`]);
		assert.equal(events.at(-1).type, 'turn.completed');
	});

	test(`Codex at ${name}: asks an MCP server`, async () => {
		const server = `[mcp_servers.toll]\ncommand = "${process.execPath}"\nargs = ["${path.join(HERE, 'agents/mcp.mjs')}"]\n`;
		// where the target speaks Codex' own API the namespace stands beside the name, elsewhere in it
		const fields = codexHeaders(toolFields(name === 'chat' ? 'price' : 'mcp__toll__price', { axles: 3 }));
		const events = lines(await runs(codex(model, server + fields, '"Use a tool to ask the price."'), name, 2));
		const call = events.find((e) => e.type === 'item.completed' && e.item.type === 'mcp_tool_call');
		assert.deepEqual([call.item.server, call.item.tool, call.item.status], ['toll', 'price', 'completed']);
		assert.equal(call.item.result.content[0].text, '6 groschen');
		assert.equal(events.at(-1).type, 'turn.completed');
	});
}

if (!skip) test('Claude Code without its betas asks a small model for no more than it gives', async () => {
	const env = { CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS: '1', CLAUDE_CODE_MAX_OUTPUT_TOKENS: '16000' };
	const script = instead(documented('claude -p', 'at-chat'), 'claude -p "What is a tollgate?" --output-format json');
	const [result] = lines(await runs(script, 'chat', 1, env));
	assert.deepEqual([result.is_error, result.subtype], [false, 'success']);
});

if (!skip) test('the gateway\'s ledger has every request, and its promises hold', async () => {
	const tgctl = (...argv) => run(['tgctl', 'ledger', ...argv, '--ledger', path.join(up.dir, 'ledger')], { env: agent.env });
	const logged = up.loggedOf('sdk');
	const costs = (list, cost) => list.map((l) => `${l.id} ${l[cost]}`).sort();
	await until('all charges are in the ledger', async () => lines((await tgctl('tail', '-n', '1000', '--json')).out).length >= logged.length);
	const { out } = await tgctl('tail', '-n', '1000', '--json');
	assert.deepEqual(costs(lines(out), 'billed_usd'), costs(logged, 'billed_usd'));
	const verdict = await tgctl('verify');
	assert.equal(verdict.code, 0, `${verdict.out}\n${verdict.err}`);
});
