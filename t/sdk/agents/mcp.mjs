// mcp.mjs: a server of the Model Context Protocol with one tool, on its standard input and output: a JSON-RPC message a line.
import readline from 'node:readline';

const TOOL = { name: 'price', description: 'The price of a passage', inputSchema: {
	type: 'object', properties: { axles: { type: 'integer' } }, required: ['axles'] } };
const answers = {
	initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'toll', version: '1' } }),
	'tools/list': () => ({ tools: [TOOL] }),
	'tools/call': (call) => ({ content: [{ type: 'text', text: `${call.arguments.axles * 2} groschen` }] }),
	ping: () => ({}),
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
	const { id, method, params } = JSON.parse(line);
	if (id === undefined) return; // a notification
	const reply = answers[method] ? { result: answers[method](params) } : { error: { code: -32601, message: `no ${method}` } };
	process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...reply })}\n`);
});
