// What a service makes of a token that it was sent (npm `jose`): verified by a published key set, and told as JSON.
//
//   node verifier.mjs '{"keys": "http://…", "token", "audience", "issuer", "typ"}'
//
// prints one JSON line: {"kid", "claims"} or {"error"}.
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const peers = process.env.YETT_PEERS ?? path.join(here, '../../.peers');
const resolve = createRequire(path.join(peers, 'npm/')).resolve;
const jose = await import(pathToFileURL(resolve('jose')));

const { keys, token, audience, issuer, typ } = JSON.parse(process.argv[2]);
let told;
try {
  const known = jose.createRemoteJWKSet(new URL(keys));
  const { payload, protectedHeader } = await jose.jwtVerify(token, known, { audience, issuer, typ, requiredClaims: ['exp'] });
  told = { kid: protectedHeader.kid, claims: payload };
} catch (error) {
  told = { error: error.code ?? error.message };
}
console.log(JSON.stringify(told));
