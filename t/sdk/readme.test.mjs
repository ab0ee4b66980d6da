// Every command and snippet of README.md and docs/guide runs as printed. A marker stands on the line before a fence:
//
//	<!-- run: sdk-node -->     a module with the openai and @anthropic-ai/sdk packages at hand
//	<!-- run: sdk-python -->   a script with the openai and anthropic packages at hand
//	<!-- run: sh -->           bash -euo pipefail, with tollgate, tgctl and tollgate-sim on PATH
//	<!-- run: agents -->       the same, and claude and codex; a home of their own
//	<!-- norun: REASON -->     not run
//
// A block of code without a marker fails, so that no example grows stale unnoticed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { agents, noAgents } from './agents.mjs';
import { environment, noPython, PYTHON, run } from './run.mjs';
import { HERE, ROOT, start } from './start.mjs';

const CODE = new Set(['sh', 'bash', 'shell', 'console', 'js', 'javascript', 'mjs', 'ts', 'typescript', 'python', 'py']);
const RUNS = { 'sdk-node': ['js'], 'sdk-python': ['python'], sh: ['sh'], agents: ['sh'] };

/** [{ file, line, language, marker, text }] of every fence in a page. */
function blocks(file) {
	const lines = fs.readFileSync(path.join(ROOT, file), 'utf8').split('\n'), found = [];
	let open;
	lines.forEach((line, i) => {
		const fence = /^\s*(`{3,}|~{3,})\s*([\w-]*)/.exec(line);
		if (open && fence && line.trim() === open.fence) {
			found.push(open);
			open = undefined;
		} else if (open) {
			open.text += `${line}\n`;
		} else if (fence) {
			const marker = /^<!--\s*(run|norun):\s*(.*?)\s*-->$/.exec((lines[i - 1] ?? '').trim());
			open = { file, line: i + 1, fence: fence[1], language: fence[2], marker, text: '' };
		}
	});
	assert.equal(open, undefined, `${file}:${open?.line}: the fence is not closed`);
	return found;
}

const guide = path.join(ROOT, 'docs/guide');
const pages = ['README.md', ...fs.readdirSync(guide).filter((f) => f.endsWith('.md')).sort().map((f) => `docs/guide/${f}`)];
const all = pages.flatMap(blocks);
const marked = all.filter((b) => b.marker?.[1] === 'run');
const noProgram = { 'sdk-python': noPython(), agents: noAgents() };
let up, agent;

before(async () => {
	up = await start();
	if (!noProgram.agents) agent = await agents(up);
	// where the snippets' imports are looked for
	fs.symlinkSync(path.join(HERE, 'node_modules'), path.join(up.dir, 'node_modules'));
});

test('every block of code is marked as one that runs, or with a reason why not', () => {
	for (const b of all) {
		const where = `${b.file}:${b.line}`;
		if (!b.marker) {
			assert.ok(!CODE.has(b.language), `${where}: a ${b.language} block without <!-- run: ... --> or <!-- norun: reason -->`);
		} else if (b.marker[1] === 'norun') {
			assert.ok(b.marker[2].length > 3, `${where}: norun without a reason`);
		} else {
			const languages = RUNS[b.marker[2]];
			assert.ok(languages, `${where}: no such way to run: ${b.marker[2]} (there are ${Object.keys(RUNS).join(', ')})`);
			assert.ok(languages.includes(b.language), `${where}: run: ${b.marker[2]} before a ${b.language} block`);
		}
	}
	assert.ok(marked.length >= 6, 'the pages have examples');
});

function command(block) {
	const name = `${block.file.replaceAll(/\W/g, '_')}_${block.line}`;
	if (RUNS[block.marker[2]][0] === 'sh') return ['bash', '-euo', 'pipefail', '-c', block.text];
	const file = path.join(up.dir, block.marker[2] === 'sdk-node' ? `${name}.mjs` : `${name}.py`);
	fs.writeFileSync(file, block.text);
	return [block.marker[2] === 'sdk-node' ? process.execPath : PYTHON, file];
}

for (const block of marked)
	test(`${block.file}:${block.line} runs as printed`,
		{ skip: noProgram[block.marker[2]] }, async () => {
			const env = block.marker[2] === 'agents' ? agent.env : environment(up);
			const { code, out, err } = await run(command(block), { env: { ...env, TMPDIR: up.dir }, cwd: up.dir });
			const said = `${out}\n${err}`;
			assert.equal(code, 0, said);
			assert.ok(said.trim(), 'it says nothing');
			// curl takes a refusal for a success
			assert.doesNotMatch(out, /^HTTP\/1\.1 [45]|^\{"error":|^\{"type":"error"/m);
		});
