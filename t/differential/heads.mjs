// heads.mjs DRIVER: the head parser against node's (llhttp). A few thousand heads are mutated from seeds with a
// fixed generator and given to both. The rule: what we accept, node accepts too, with the same framing, length,
// method or status, target, connection and fields. We may be stricter; each way in which node is stricter is
// listed in `reasoned` below. Exits 1 on a disagreement, or when so little was accepted that nothing was compared.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

process.removeAllListeners('warning'); // _http_common is deprecated; there is no other way to the bare parser
process.on('warning', () => {});
const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common');

const COUNT = { request: 6000, response: 3000 };
const LEAST_ACCEPTED = 0.15; // of all heads: a generator of nothing but rubbish would prove nothing

// ---- generator ----

function mulberry32(seed) {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}
const random = mulberry32(20240521);
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const seeds = {
	request: [
		'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
		'POST /v1/chat/completions?x=y HTTP/1.1\r\nHost: api.example.com:8080\r\nAuthorization: Bearer sk-x\r\n' +
			'Content-Type: application/json\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n',
		'POST /v1/messages HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\nX-Api-Key: k\r\n\r\n',
		'HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
		'PUT /x HTTP/1.0\r\nContent-Length: 3\r\nHost: a\r\n\r\n',
		'\r\nDELETE /v1/files/a%20b HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nExpect: 100-continue\r\n\r\n',
		'OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: null\r\nConnection: close, te\r\nTE: trailers\r\n\r\n',
		'GET http://ex.com:80/a?b HTTP/1.1\r\nHost: ex.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
		'PATCH /a HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t\r\nZ:a\tb\r\nContent-Length:  12 \r\n\r\n',
		'GET / HTTP/1.1\r\nHost: a\r\n' + Array.from({ length: 60 }, (_, i) => `X-${i}: ${i}\r\n`).join('') + '\r\n',
	],
	response: [
		'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n',
		'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n',
		'HTTP/1.0 200 OK\r\nServer: x\r\n\r\n',
		'HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n',
		'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n',
		'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
		'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n\r\n',
		'HTTP/1.1 529 \r\nContent-Length:  12\t\r\n\r\n',
		'HTTP/1.1 500\r\nX:a\tb\r\nConnection: x\r\nContent-Length: 3\r\n\r\n',
		'HTTP/1.1 100 Continue\r\n\r\n',
	],
};
const lines = [
	'Content-Length: 5', 'Content-Length: 0', 'content-length: 12', 'Content-Length: +5', 'Content-Length: 5, 5',
	'Content-Length: 0x5', 'Content-Length: 5 5', 'Content-Length:', 'Content-Length: 007', 'Content-Length : 5',
	'Content-Length: 18446744073709551616', 'Content-Length: 9223372036854775807', 'Content-Length: -1',
	'Transfer-Encoding: chunked', 'transfer-encoding:Chunked', 'Transfer-Encoding: gzip, chunked', 'TE: trailers',
	'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding: xchunked',
	'Transfer-Encoding:\tchunked', 'Transfer-Encoding: \vchunked', 'Transfer-Encoding : chunked',
	'Connection: close', 'Connection: keep-alive', 'Connection: close, keep-alive', 'Connection: upgrade',
	'Connection: CLOSE', 'Connection: x,close', 'Connection: closed', 'Upgrade: h2c', 'Host: b', 'Host:', 'Host: a b',
	'X: y', 'X:', ': y', 'X y', ' folded', '\tfolded', 'X\t: y', 'X(: y', 'X: \x7f', 'X: \xff\x80', 'X_y.z~!: ok',
	'Proxy-Connection: close', 'Keep-Alive: 5', 'Trailer: x', 'Expect: 100-continue',
];
const bytes = ['\r', '\n', '\r\n', '\r\n\r\n', '\0', ' ', '\t', ':', ';', ',', '\x01', '\x7f', '\x80', '\xff', '#', '%',
	'"', '/', '?', '0', '9', 'a', 'Z', '-', '_', '{', '|', '\\', '\v', '\f', '[', '@'];
const starts = ['GET', 'POST', 'get', 'FROB', 'CONNECT', 'HEAD', '', 'GE T', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', '200',
	'204', '304', '100', '101', '099', '600', '20', '2000', '/', '*', '/a?b#c', 'a:80', 'http://a', 'http://a/b?c',
	'http://[::1]/', 'https://a:1?x', 'ftp://a/', 'HTTP/1.2', 'HTTP/0.9', 'http/1.1', 'HTTP/1.01', 'OK', '  '];

function mutate(text) {
	const at = below(text.length + 1);
	const rows = text.split('\r\n');
	const row = below(rows.length);
	switch (below(9)) {
	case 0: return text.slice(0, at) + pick(bytes) + text.slice(at);
	case 1: return text.slice(0, at) + pick(bytes) + text.slice(at + 1);
	case 2: return text.slice(0, at) + text.slice(at + 1 + below(3));
	case 3: rows.splice(1 + below(rows.length - 1), 0, pick(lines)); break;
	case 4: rows.splice(1 + below(rows.length - 1), 0, pick(lines)); break;
	case 5: rows.splice(row, 1); break;
	case 6: rows.splice(row, 0, rows[row]); break;
	case 7: {
		const words = rows[0].split(' ');
		words[below(words.length)] = pick(starts);
		rows[0] = words.join(' ');
		break;
	}
	default: {
		const c = text[at] ?? '';
		const other = c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase();
		return text.slice(0, at) + other + text.slice(at + 1);
	}
	}
	return rows.join('\r\n');
}

function generate(kind) {
	const heads = [...seeds[kind]];
	while (heads.length < COUNT[kind]) {
		let text = pick(seeds[kind]);
		for (let n = 1 + below(3); n > 0; n--)
			text = mutate(text);
		heads.push(text);
	}
	return heads.map((h) => Buffer.from(h, 'latin1'));
}

// ---- node's verdict ----

const PROBE = Buffer.from('3\r\nabc\r\n0\r\n\r\n' + 'x'.repeat(64)); // read as chunks: abc; by length: as it is

function judge(head, kind) {
	const parser = new HTTPParser();
	const seen = { heads: 0, fields: [], body: '', complete: false };
	parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 1 << 20);
	parser[HTTPParser.kOnHeaders | 0] = (fields, url) => {
		seen.fields.push(...fields);
		seen.target = (seen.target ?? '') + url;
	};
	parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, fields, method, url, status, reason, upgrade, keep) => {
		if (seen.heads++ > 0)
			return 0;
		if (fields !== undefined)
			seen.fields.push(...fields);
		seen.target = (seen.target ?? '') + (url ?? '');
		Object.assign(seen, { minor, method: methods[method], status, upgrade, keep });
		return 0;
	};
	parser[HTTPParser.kOnBody | 0] = (b) => {
		if (!seen.complete)
			seen.body += b.toString('latin1');
	};
	parser[HTTPParser.kOnMessageComplete | 0] = () => { seen.complete = true; };

	const rc = parser.execute(head);
	if (rc instanceof Error)
		return { accepted: false, why: rc.code };
	if (seen.heads !== 1 || seen.body !== '')
		return { accepted: false, why: seen.heads === 0 ? 'no end of the head' : 'the head ends early' };
	if (!seen.complete)
		seen.probe = parser.execute(PROBE);
	parser.close();
	return { accepted: true, seen, framing: framing(seen) };
}

function framing(seen) {
	if (seen.complete && seen.body === 'abc')
		return 'chunked';
	if (seen.complete)
		return `length ${seen.body.length}`; // none and length 0 look alike from here
	return seen.body.length === PROBE.length ? 'open' : 'unclear'; // until close, or longer than the probe
}

function hashFields(fields) {
	let h = 2166136261;
	for (let i = 0; i < fields.length; i += 2)
		for (const c of Buffer.from(`${fields[i]}:${fields[i + 1].replace(/^[ \t]+|[ \t]+$/g, '')}\n`, 'latin1'))
			h = Math.imul(h ^ c, 16777619);
	return (h >>> 0).toString(16).padStart(8, '0');
}

// ---- comparison ----

// Where node refuses or differs and we have a reason not to follow. `diff`: what differs.
const only = (diff, what) => diff.length === 1 && diff[0].startsWith(what);
const reasoned = [
	['a method node does not know: the gateway answers 405 by itself',
		({ ours, node }) => !node.accepted && node.why === 'HPE_INVALID_METHOD' && !methods.includes(ours.start)],
	['a body announced with 1xx, 204 or 304: RFC 9112 section 6.3 says there is none, node reads one; we close',
		({ ours, node, kind }) => kind === 'response' && node.accepted && ours.framing === 'none' &&
			(ours.start < 200 || ours.start === '204' || ours.start === '304')],
	['HTAB behind the Content-Length: legal white space (RFC 9112 section 5.1)',
		({ node, text }) => !node.accepted && node.why === 'HPE_INVALID_CONTENT_LENGTH' &&
			/^content-length:[ \t]*\d+[ \t]*\t[ \t]*\r$/mi.test(text)],
	['close and keep-alive in an HTTP/1.0 message: close wins (RFC 9112 section 9.3), node lets keep-alive win',
		({ ours, text, diff }) => only(diff, 'keep-alive: ours false') && ours.minor === 0 &&
			/^connection:.*close/mi.test(text) && /^connection:.*keep-alive/mi.test(text)],
	['Proxy-Connection: no standard knows it; node reads it as Connection',
		({ text, diff }) => only(diff, 'keep-alive') && /^proxy-connection:/mi.test(text)],
];

function differences(ours, node) {
	if (!node.accepted)
		return [`node refuses: ${node.why}`];
	const want = ours.framing === 'chunked' ? 'chunked'
		: ours.framing === 'eof' || ours.length > PROBE.length ? 'open'
		: `length ${ours.framing === 'length' ? ours.length : 0}`;
	const { seen } = node;
	const pairs = [
		['framing', want, node.framing],
		['start', ours.start, String(seen.status ?? seen.method)],
		['minor', ours.minor, seen.minor],
		['fields', ours.fields, seen.fields.length / 2],
		['hash', ours.hash, hashFields(seen.fields)],
		['target', ours.target, seen.target],
	];
	// with an upgrade node hands the connection over; until close it always says no
	if (!seen.upgrade && ours.framing !== 'eof')
		pairs.push(['keep-alive', ours.keep, seen.keep]);
	return pairs.filter(([, a, b]) => a !== b).map(([what, a, b]) => `${what}: ours ${a}, node ${b}`);
}

function parseLine(line) {
	if (!line.startsWith('+ '))
		return { accepted: false, why: line.slice(2) };
	const [, start, minor, framing, length, keep, fields, hash, ...target] = line.split(' ');
	return { accepted: true, start, minor: +minor, framing, length: +length, keep: keep === '1', fields: +fields, hash,
		target: target.join(' ') };
}

function runDriver(driver, kind, heads) {
	const input = Buffer.concat(heads.flatMap((h) => {
		const len = Buffer.alloc(4);
		len.writeUInt32LE(h.length);
		return [len, h];
	}));
	const run = spawnSync(driver, [kind], { input, maxBuffer: 1 << 28 });
	if (run.status !== 0)
		throw new Error(`${driver} ${kind}: ${run.error ?? run.stderr}`);
	return run.stdout.toString('latin1').trimEnd().split('\n').map(parseLine);
}

let failed = false;
const used = new Map(reasoned.map(([why]) => [why, 0]));
for (const kind of ['request', 'response']) {
	const heads = generate(kind);
	const verdicts = runDriver(process.argv[2], kind, heads);
	const count = { both: 0, stricter: 0, neither: 0, excepted: 0, disagree: 0 };
	if (verdicts.length !== heads.length)
		throw new Error(`${verdicts.length} verdicts for ${heads.length} heads`);
	heads.forEach((head, i) => {
		const ours = verdicts[i];
		const node = judge(head, kind);
		if (!ours.accepted) {
			count[node.accepted ? 'stricter' : 'neither']++;
			return;
		}
		const diff = differences(ours, node);
		if (diff.length === 0) {
			count.both++;
			return;
		}
		const exception = reasoned.find(([, test]) =>
			test({ ours, node, kind, diff, text: head.toString('latin1') }));
		if (exception !== undefined) {
			count.excepted++;
			used.set(exception[0], used.get(exception[0]) + 1);
			return;
		}
		if (count.disagree++ < 20)
			console.log(`${kind}: ${JSON.stringify(head.toString('latin1'))}\n\t${diff.join('\n\t')}`);
	});
	console.log(`${kind}: ${heads.length} heads compared, ${count.both} accepted alike, ${count.neither} refused by both, ` +
		`${count.stricter} refused only by us, ${count.excepted} excepted, ${count.disagree} disagreements`);
	failed ||= count.disagree > 0 || count.both < LEAST_ACCEPTED * heads.length;
}
for (const [why, n] of used)
	console.log(`excepted ${n}: ${why}`);
process.exit(failed ? 1 : 0);
