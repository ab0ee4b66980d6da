// run.mjs: other programs pointed at the gateway of a test: the README's snippets, the Python packages.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BUILD, HERE, ROOT } from './start.mjs';

const VENV = path.join(ROOT, 'build/sdk-venv');
const TIMEOUT_MS = 60_000;

/** Why the Python packages cannot be used, or undefined. */
export function noPython() {
	const want = fs.readFileSync(path.join(HERE, 'python/requirements.txt'), 'utf8');
	const stamp = path.join(VENV, '.installed');
	if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === want) return undefined;
	return 'the Python SDKs are not in build/sdk-venv: ./dev test sdk installs them when PyPI can be reached';
}

export const PYTHON = path.join(VENV, 'bin/python');

/** What the documentation tells users to set, and nothing of this machine's accounts and proxies. */
export function environment(up) {
	const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) =>
		!/^(OPENAI|ANTHROPIC|AZURE|TOLLGATE|NODE_TEST|NODE_OPTIONS)|_proxy$/i.test(name)));
	return {
		...clean, NO_PROXY: '127.0.0.1', PATH: `${BUILD}:${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: '1',
		OPENAI_BASE_URL: `${up.url}/v1`, OPENAI_API_KEY: up.key,
		ANTHROPIC_BASE_URL: up.url, ANTHROPIC_API_KEY: up.key,
		TOLLGATE_URL: up.url, TOLLGATE_KEY: up.key, TOLLGATE_ADMIN: up.admin,
		TOLLGATE_LEDGER: path.join(up.dir, 'ledger'),
	};
}

/** Runs a program to its end: { code, out, err }. */
export function run(argv, options) {
	return new Promise((resolve, reject) => {
		const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], ...options });
		const late = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
		let out = '', err = '';
		child.stdout.on('data', (data) => { out += data; });
		child.stderr.on('data', (data) => { err += data; });
		child.on('error', reject);
		child.on('close', (code, signal) => {
			clearTimeout(late);
			resolve({ code: signal ?? code, out, err });
		});
	});
}
