// Messages as another implementation writes and reads them (npm `jose`, which `oidc-provider` brings).
//
//   node messages.mjs '{"keys": {"keys": […]}, "do": [{"what": "encrypt", "kid", "header", "content"}, …]}'
//
// `what`: `encrypt` and `sign` make a message in compact serialization of a text, under a header that is taken as it is; `decrypt` and
// `verify` give its header and its content as text, or `null` when it is not good. Prints one JSON line: the list of results.
import * as crypto from 'node:crypto';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const peers = process.env.YETT_PEERS ?? path.join(here, '../../.peers');
const resolve = createRequire(path.join(peers, 'npm/')).resolve;
const jose = await import(pathToFileURL(resolve('jose')));
if (!globalThis.crypto) globalThis.crypto = crypto.webcrypto;

const plan = JSON.parse(process.argv[2]);
const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (content) => new TextEncoder().encode(content);

// The key of this name, or its public part: whoever writes to somebody and whoever verifies has no more.
const key = (kid, alg, isPublic) => {
  const { use, key_ops, alg: own, ...jwk } = plan.keys.keys.find((one) => one.kid === kid);
  if (isPublic && jwk.kty !== 'oct') for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) delete jwk[secret];
  return jose.importJWK(jwk, alg);
};

const run = {
  encrypt: async ({ kid, header, content }) =>
    new jose.CompactEncrypt(bytes(content)).setProtectedHeader(header).encrypt(await key(kid, header.alg, true)),
  sign: async ({ kid, header, content }) =>
    new jose.CompactSign(bytes(content)).setProtectedHeader(header).sign(await key(kid, header.alg, false)),
  decrypt: async ({ kid, message }) => {
    const { alg } = jose.decodeProtectedHeader(message);
    const read = await jose.compactDecrypt(message, await key(kid, alg, false));
    return { header: read.protectedHeader, content: text(read.plaintext) };
  },
  verify: async ({ kid, message }) => {
    const { alg } = jose.decodeProtectedHeader(message);
    const read = await jose.compactVerify(message, await key(kid, alg, true));
    return { header: read.protectedHeader, content: text(read.payload) };
  },
};

const results = [];
for (const step of plan.do) {
  const reads = step.what === 'decrypt' || step.what === 'verify';
  // Only what is read may fail; whoever cannot write has a fault in the plan.
  results.push(reads ? await run[step.what](step).catch(() => null) : await run[step.what](step));
}
console.log(JSON.stringify(results));
