// start.mjs: a gateway in front of a simulator for one test file, on ports of the kernel's choice, in a temporary
// folder of its own. Both are ended by pid, and a bad end of either is a failure of the test file.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { File } from 'node:buffer';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

// node 18 has it, but not as a global, where the SDKs look for it
globalThis.File ??= File;

export const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.resolve(HERE, '../..');
export const BUILD = process.env.TG_BUILD ?? path.join(ROOT, 'build/default');

const DEADLINE_MS = 10_000;
const PROVIDER_KEY = 'sk-provider-account';
const OPENAI_MODELS = ['gpt-4o-mini', 'gpt-4o', 'gpt-4.1-nano', 'text-embedding-3-small', 'gpt-image-1',
	'gpt-4o-mini-tts', 'gpt-4o-transcribe', 'gpt-4o-mini-transcribe', 'whisper-1', 'omni-moderation-latest'];
const CLAUDE_MODELS = ['claude-sonnet-4-5', 'claude-haiku-4-5'];

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');
export const sleep = (ms, { ref = true } = {}) => new Promise((wake) => {
	const timer = setTimeout(wake, ms);
	if (!ref) timer.unref();
});

/** Asks until `probe` gives something true; for what another process does in its own time. */
export async function until(what, probe) {
	const deadline = Date.now() + DEADLINE_MS;
	for (;;) {
		const got = await probe();
		if (got) return got;
		assert.ok(Date.now() < deadline, `waited in vain: ${what}`);
		await sleep(10);
	}
}

/** A child that writes its addresses into a file once it is ready, and ends with 0 on SIGTERM. */
class Daemon {
	constructor(name, argv, dir) {
		this.name = name;
		this.log = path.join(dir, `${name}.log`);
		this.readyFile = path.join(dir, `${name}.ready`);
		const log = fs.openSync(this.log, 'w');
		this.child = spawn(path.join(BUILD, argv[0]), [...argv.slice(1), '--ready-file', this.readyFile],
			{ stdio: ['ignore', log, log] });
		fs.closeSync(log);
		this.ended = new Promise((resolve) => {
			this.child.on('error', (err) => resolve(`could not be started: ${err.message}`));
			this.child.on('exit', (code, signal) => resolve(signal ?? code));
		});
		this.ended.then((how) => { this.end = how; });
		// whatever happens to this process, nothing is left running
		process.on('exit', () => this.child.kill('SIGKILL'));
	}

	says() {
		return fs.readFileSync(this.log, 'utf8');
	}

	async ready() {
		await until(`${this.name} gets ready`, () => {
			assert.equal(this.end, undefined, `${this.name} ended (${this.end}):\n${this.says()}`);
			return fs.existsSync(this.readyFile);
		});
		return JSON.parse(fs.readFileSync(this.readyFile, 'utf8'));
	}

	async stop() {
		this.child.kill('SIGTERM');
		const late = sleep(DEADLINE_MS, { ref: false }).then(() => 'did not end on SIGTERM');
		const how = await Promise.race([this.ended, late]);
		this.child.kill('SIGKILL');
		assert.equal(how, 0, `${this.name} ended badly: ${how}\n${this.says().slice(-4000)}`);
	}
}

/** Tenants of a test's own, with a key each: { name: 'more of its configuration' }. */
const moreTenants = (keys, tenants = {}) => Object.entries(tenants).map(([name, more]) =>
	`  ${name}: { ${more}, keys: [ { id: ${name}, sha256: ${sha256(keys[name])} } ] }\n`).join('');

/** Members of a test's own: { name: 'what stands in its braces' }. */
const more = (rows = {}) => Object.entries(rows).map(([name, text]) => `  ${name}: { ${text} }\n`).join('');

function configuration({ sim, key, narrowKey, keys, dir, options }) {
	const models = [...OPENAI_MODELS.map((m) => [m, 'openai']), ...CLAUDE_MODELS.map((m) => [m, 'claude'])];
	return `\
workers: ${options.workers ?? 2}
listen: [ { address: 127.0.0.1:0 } ]
admin: { address: 127.0.0.1:0 }
limits: { body: 4m, json_body: 1m }
targets:
  openai: { provider: openai, base_url: http://${sim}, key: ${PROVIDER_KEY}${options.openai ?? ''} }
  claude: { provider: anthropic, base_url: http://${sim}, key: ${PROVIDER_KEY}${options.claude ?? ''} }
${more(options.targets?.(sim))}models:
${models.map(([model, target]) => `  ${model}: { targets: ${target} }`).join('\n')}
  house-model: { targets: { target: openai, model: gpt-4o-mini } }
  gone: { targets: { target: openai, model: unknown-at-provider } }
  gone-claude: { targets: { target: claude, model: unknown-at-provider } }
${more(options.models?.())}${options.tiers ?? ''}
tenants:
  sdk:
    tags: { team: sdk }
    keys:
      - { id: whole, sha256: ${sha256(key)} }
      - { id: narrow, sha256: ${sha256(narrowKey)}, models: [ gpt-4o-mini, claude-haiku-4-5 ] }
${moreTenants(keys, options.tenants)}\
ledger: { path: ${path.join(dir, 'ledger')}, segment: 1m }
log: { access: ${path.join(dir, 'access.jsonl')}, error: ${path.join(dir, 'error.log')} }
`;
}

const daemons = [], folders = [];

// of the importing file: registered here, because one registered inside of a hook would end with that hook
after(async () => {
	const ends = await Promise.allSettled(daemons.map((d) => d.stop()));
	for (const dir of folders) fs.rmSync(dir, { recursive: true });
	for (const end of ends) if (end.status === 'rejected') throw end.reason;
});

/** Starts both; they end after the calling test file's tests. */
export async function start(options = {}) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-sdk-'));
	const newKey = () => `tg-${randomBytes(16).toString('hex')}`;
	const key = newKey(), narrowKey = newKey();
	const keys = Object.fromEntries(Object.keys(options.tenants ?? {}).map((name) => [name, newKey()]));
	folders.push(dir);
	const simd = new Daemon('sim', ['tollgate-sim', '--listen', '127.0.0.1:0', '--key', PROVIDER_KEY, '--quiet',
		...(options.sim ?? [])], dir);
	daemons.push(simd);
	const sim = (await simd.ready()).listen;
	const file = path.join(dir, 'tollgate.yaml');
	fs.writeFileSync(file, configuration({ sim, key, narrowKey, keys, dir, options }));
	const gateway = new Daemon('tollgate', ['tollgate', '-c', file], dir);
	daemons.push(gateway);
	const ready = await gateway.ready();
	const json = async (url) => (await fetch(url)).json();
	return {
		dir, key, narrowKey, keys, sim: `http://${sim}`, config: file,
		url: `http://${ready.listen[0]}`, admin: `http://${ready.admin}`,
		/** What the provider has billed since its start: totals, and one entry a request. */
		ledger: () => json(`http://${sim}/sim/ledger?last=1000`),
		/** The last requests as the provider saw them. */
		requests: async (n = 1) => (await json(`http://${sim}/sim/requests?last=${n}`)).requests,
		/** The access log's line of a request; it is written off the workers. */
		logged: (id) => until(`access log line of ${id}`, () => accessLines(dir).find((l) => l.id === id)),
		/** All lines of a tenant so far. With one worker they are in order: what a logged one was behind is there, too. */
		loggedOf: (tenant) => accessLines(dir).filter((l) => l.tenant === tenant),
	};
}

function accessLines(dir) {
	const file = path.join(dir, 'access.jsonl');
	if (!fs.existsSync(file)) return [];
	// the last one may be half written
	return fs.readFileSync(file, 'utf8').split('\n').slice(0, -1).map((l) => JSON.parse(l));
}

/** The ledger's entry that `wanted` accepts, once it is there. */
export function billed(up, what, wanted) {
	return until(what, async () => (await up.ledger()).entries?.find(wanted));
}

/** A fetch for an SDK: the provider answers its first `times` attempts with a fault. Counts all attempts. */
export function faulty(fault, times, headers = {}) {
	const wrapped = (url, init = {}) => {
		const h = new Headers(init.headers);
		wrapped.attempts++;
		if (wrapped.attempts <= times) {
			h.set('x-sim-fault', fault);
			for (const [name, value] of Object.entries(headers)) h.set(name, value);
		}
		return fetch(url, { ...init, headers: h });
	};
	wrapped.attempts = 0;
	return wrapped;
}

/** For `openai` and `claude` of start(): fields of the simulator's reach a provider of another dialect, too. */
export const PASS_SIM_FIELDS = ', pass_fields: [ x-sim-fault, x-sim-retry-after, x-sim-events, x-sim-tps, x-sim-cached-tokens, x-sim-output-tokens, x-sim-tool, x-sim-tool-arguments ]';

/** Collects a stream's events up to its failure; a clean end is the failure of the test. */
export async function brokenStream(stream) {
	const events = [];
	try {
		for await (const event of stream) events.push(event);
	} catch (error) {
		return { events, error };
	}
	assert.fail(`a broken stream ended cleanly after ${events.length} events`);
}

/** Exact price of tokens by bucket in dollars, from the price list the gateway is built with. */
export function price(provider, model, usage) {
	const list = JSON.parse(fs.readFileSync(path.join(ROOT, 'conf/prices.json'), 'utf8'));
	const entry = list.prices.find((p) => p.provider === provider && p.model === model);
	let pico = 0n;
	for (const [bucket, tokens] of Object.entries(usage)) pico += picoPerToken(entry.per_mtok[bucket]) * BigInt(tokens);
	const digits = pico.toString().padStart(13, '0');
	const text = `${digits.slice(0, -12)}.${digits.slice(-12)}`;
	return text.replace(/0+$/, '').replace(/\.$/, '');
}

/** "0.15" dollars per million tokens is 150000 pico-dollars per token. */
function picoPerToken(text) {
	const [whole, part = ''] = text.split('.');
	return BigInt(whole + part.padEnd(6, '0'));
}

/** Bytes that no text encoding survives. */
export function noise(bytes) {
	const out = Buffer.alloc(bytes);
	for (let i = 0, x = 0x2545f491; i < bytes; i++) {
		x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
		out[i] = x >>> 24;
	}
	return out;
}
