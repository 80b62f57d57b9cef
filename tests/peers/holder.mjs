// A client that holds a key or a certificate (npm `oauth4webapi`): gets a token that is bound to it and calls an API with it,
// rightly and as a thief would.
//
//   node holder.mjs '{"issuer", "client", "secret", "resource", "scope", "calls": [{"as", "method", "url"}], …}'
//
// `as`: `holder` proves its key (DPoP, RFC 9449) and takes a nonce where it is asked to; `thief` has the token and another
// key; `bearer` has the token alone. With `certificate` (path of a PEM) the token is bound to that, with `plain` to nothing;
// each call may name the `cert`, `key` and `ca` of its connection. Prints one JSON line: {"token", "token_type", "calls": [{"status", "code",
// "challenge", "retried"}]}.
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as https from 'node:https';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const peers = process.env.YETT_PEERS ?? path.join(here, '../../.peers');
const resolve = createRequire(path.join(peers, 'npm/')).resolve;
const oauth = await import(pathToFileURL(resolve('oauth4webapi')));
if (!globalThis.crypto) globalThis.crypto = crypto.webcrypto;

const plan = JSON.parse(process.argv[2]);
const near = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(plan.issuer);
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...near });
const server = await oauth.processDiscoveryResponse(issuer, found);
const client = { client_id: plan.client };
const prover = async () => oauth.DPoP(client, await oauth.generateKeyPair(plan.alg ?? 'ES256'));
const [holder, thief] = [await prover(), await prover()];

const bound = plan.plain ? {} : plan.certificate
  ? { headers: { 'x-client-certificate': new crypto.X509Certificate(fs.readFileSync(plan.certificate)).raw.toString('base64') } }
  : { DPoP: holder };
const granted = await oauth.processClientCredentialsResponse(
  server,
  client,
  await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.ClientSecretBasic(plan.secret),
    { resource: plan.resource, scope: plan.scope },
    { ...bound, ...near },
  ),
);
const token = granted.access_token;

async function told(response) {
  const text = await response.text();
  let code;
  try {
    ({ code } = JSON.parse(text));
  } catch {
    code = undefined;
  }
  return { status: response.status, code, challenge: response.headers.get('www-authenticate') ?? '' };
}

async function proven(call, DPoP, retried = false) {
  try {
    const url = new URL(call.url);
    const response = await oauth.protectedResourceRequest(token, call.method ?? 'GET', url, undefined, undefined, { DPoP, ...near });
    return { ...(await told(response)), retried };
  } catch (error) {
    if (!retried && oauth.isDPoPNonceError(error)) return proven(call, DPoP, true);
    const response = error.response ?? error.cause?.response;
    if (!response) throw error;
    return { ...(await told(response)), retried };
  }
}

function plain(call) {
  const read = (name) => (call[name] ? fs.readFileSync(call[name]) : undefined);
  if (!call.url.startsWith('https:')) {
    return fetch(call.url, { method: call.method ?? 'GET', headers: { authorization: `Bearer ${token}` } }).then(told);
  }
  return new Promise((done, failed) => {
    const request = https.request(
      call.url,
      { method: call.method ?? 'GET', headers: { authorization: `Bearer ${token}` }, cert: read('cert'), key: read('key'), ca: read('ca'), agent: false },
      async (answer) => {
        const parts = [];
        for await (const part of answer) parts.push(part);
        const headers = new Headers({ 'www-authenticate': answer.headers['www-authenticate'] ?? '' });
        done(told(new Response(Buffer.concat(parts), { status: answer.statusCode, headers })));
      },
    );
    request.on('error', failed);
    request.end();
  });
}

const calls = [];
for (const call of plan.calls) {
  if (call.as === 'bearer') calls.push(await plain(call));
  else calls.push(await proven(call, call.as === 'thief' ? thief : holder));
}
console.log(JSON.stringify({ token, token_type: granted.token_type, calls }));
