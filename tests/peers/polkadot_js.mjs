// Signs and sends every call of our pallets with polkadot.js, one after the other, and prints one JSON line for each:
// its name, its encoded call, and the statuses that were seen. Arguments are the types' defaults: most calls fail when
// they are dispatched, which a chain reports by an event in the block.
import { ApiPromise, WsProvider } from '@polkadot/api';
import { Keyring } from '@polkadot/keyring';

const [url, ...pallets] = process.argv.slice(2);
const api = await ApiPromise.create({ provider: new WsProvider(url), noInitWarn: true });
const alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice');

function watched(transaction) {
  return new Promise((resolve, reject) => {
    const statuses = [];
    const events = [];
    transaction
      .signAndSend(alice, ({ status, events: told, dispatchError, isError }) => {
        statuses.push(status.type);
        if (status.isInBlock) events.push(...told.map(({ event }) => `${event.section}.${event.method}`));
        if (status.isFinalized || isError) resolve({ statuses, events, failed: dispatchError !== undefined });
      })
      .catch(reject);
  });
}

for (const pallet of pallets) {
  for (const name of Object.keys(api.tx[pallet])) {
    const call = api.tx[pallet][name];
    const transaction = call(...call.meta.fields.map(({ type }) => api.createType(api.registry.createLookupType(type))));
    const method = transaction.method.toHex();
    console.log(JSON.stringify({ name: `${pallet}.${name}`, method, ...(await watched(transaction)) }));
  }
}
await api.disconnect();
