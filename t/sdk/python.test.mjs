// The vendors' Python packages through the gateway: another HTTP library, another event stream reader.
import assert from 'node:assert/strict';
import path from 'node:path';
import { before, test } from 'node:test';
import { environment, noPython, PYTHON, run } from './run.mjs';
import { HERE, start } from './start.mjs';

let up;

before(async () => {
	up = await start();
});

for (const name of ['openai', 'anthropic'])
	test(`${name}: chat, stream, errors`, { skip: noPython() }, async () => {
		const script = path.join(HERE, 'python', `smoke_${name}.py`);
		const { code, out, err } = await run([PYTHON, script], { env: environment(up), cwd: up.dir });
		assert.equal(code, 0, err);
		assert.equal(out, 'ok\n');
	});
