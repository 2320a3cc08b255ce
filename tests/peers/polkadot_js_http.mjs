// Asks each method of a JSON list from the arguments over HTTP with polkadot.js's provider, prints the results as JSON.
import { HttpProvider } from '@polkadot/api';

const [url, methods] = process.argv.slice(2);
const provider = new HttpProvider(url);
for (const method of JSON.parse(methods)) console.log(JSON.stringify({ method, result: await provider.send(method, []) }));
