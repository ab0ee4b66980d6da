// agents.mjs: the coding agents of agents/package.json, and the surroundings they run in: a home of their own, no account,
// and a proxy for all that is not the gateway, which lets nothing through and remembers who was asked for.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after } from 'node:test';
import { environment } from './run.mjs';
import { HERE, ROOT } from './start.mjs';

const INSTALLED = path.join(ROOT, 'build/agents');
const MODULES = path.join(INSTALLED, 'node_modules');

/** The program itself is in a package for this platform; its own package's script would put it into place. */
function claudeProgram() {
	const scope = path.join(MODULES, '@anthropic-ai');
	const homes = fs.existsSync(scope) ? fs.readdirSync(scope).filter((name) => name.startsWith('claude-code-')) : [];
	return homes.map((name) => path.join(scope, name, 'claude')).find((file) => fs.existsSync(file));
}

const PROGRAMS = { claude: claudeProgram(), codex: path.join(MODULES, '.bin/codex') };

const fences = [];

// of the importing file, like start.mjs' own
after(() => { for (const fence of fences) fence.close(); });

/** Why the agents cannot be used, or undefined. */
export function noAgents() {
	const want = fs.readFileSync(path.join(HERE, 'agents/package.json'), 'utf8');
	const stamp = path.join(INSTALLED, '.installed');
	if (!fs.existsSync(stamp) || fs.readFileSync(stamp, 'utf8') !== want)
		return 'the coding agents are not in build/agents: ./dev agents installs them when npm can be reached';
	const missing = Object.keys(PROGRAMS).filter((name) => !PROGRAMS[name] || !fs.existsSync(PROGRAMS[name]));
	return missing.length > 0 ? `npm has no ${missing.join(' and no ')} for this platform` : undefined;
}

/** { env, asked }: what agents run with, and whom besides the gateway they have asked for so far. */
export async function agents(up) {
	const asked = [], home = path.join(up.dir, 'home'), bin = path.join(up.dir, 'bin');
	const fence = net.createServer((socket) => {
		socket.on('data', (data) => {
			asked.push(data.toString('latin1').split('\r\n')[0]);
			socket.destroy();
		});
		socket.on('error', () => {});
	});
	await new Promise((ready) => { fence.listen(0, '127.0.0.1', ready); });
	fences.push(fence);
	fs.mkdirSync(home);
	fs.mkdirSync(bin);
	for (const [name, program] of Object.entries(PROGRAMS)) fs.symlinkSync(program, path.join(bin, name));
	const env = environment(up);
	for (const name of Object.keys(env)) if (/^(OPENAI|ANTHROPIC|CLAUDE|CODEX)_/.test(name)) delete env[name];
	const proxy = `http://127.0.0.1:${fence.address().port}`;
	return {
		asked,
		env: { ...env, HOME: home, PATH: `${bin}:${env.PATH}`, HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY: '127.0.0.1' },
	};
}
