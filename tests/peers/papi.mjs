// Signs and sends calls with polkadot-api, which follows the chain by chainHead_v1 and submits by transaction_v1.
// Reads encoded calls as a JSON list from standard input and prints one JSON line for each: the events that were seen.
import { text } from 'node:stream/consumers';
import { Keyring } from '@polkadot/keyring';
import { Binary } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';
import { createWsClient } from 'polkadot-api/ws';
import { cryptoWaitReady } from '@polkadot/util-crypto';

const [url] = process.argv.slice(2);
const methods = new Map();
const client = createWsClient(url, {
  logger: ({ type, msg }) => {
    if (type === 'OUT') methods.set(JSON.parse(msg).method, true);
  },
});
await cryptoWaitReady();
const alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice');
const signer = getPolkadotSigner(alice.publicKey, 'Sr25519', (bytes) => alice.sign(bytes));
const api = client.getUnsafeApi();

function watched(transaction) {
  return new Promise((resolve, reject) => {
    const seen = [];
    transaction.signSubmitAndWatch(signer).subscribe({
      next: (event) => seen.push(event.type === 'txBestBlocksState' ? `${event.type}:${event.found}` : event.type),
      error: reject,
      complete: () => resolve(seen),
    });
  });
}

for (const method of JSON.parse(await text(process.stdin))) {
  const transaction = await api.txFromCallData(Binary.fromHex(method));
  console.log(JSON.stringify({ method, seen: await watched(transaction) }));
}
console.log(JSON.stringify({ methods: [...methods.keys()] }));
client.destroy();
