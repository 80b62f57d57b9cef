// A user's client (npm `oauth4webapi`): it pushes its request (RFC 9126), follows the user to the code, and calls an API with the token; where the
// API says that another login is needed (RFC 9470), the user logs in once more, as it asks.
//
//   node user.mjs '{"issuer", "client", "secret", "redirect", "resource", "scope", "calls": [{"url", "as"}], "bound"}'
//
// With `bound` the token is bound to a key from the first request on (RFC 9449 section 10); a call `as` a `bearer` has the token alone. Prints one JSON
// line: {"access_token", "id_token", "token_type", "unpushed", "calls": [{"status", "code", "error", "logins"}]}; `unpushed` is what the provider says of
// the same request when it is not pushed.
import * as crypto from 'node:crypto';
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
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...near }));
const client = { client_id: plan.client };
const secret = oauth.ClientSecretBasic(plan.secret);
const DPoP = plan.bound ? oauth.DPoP(client, await oauth.generateKeyPair('ES256')) : undefined;

// Where a browser ends that starts here; it keeps cookies, and stops before it leaves the provider.
async function browse(start) {
  const cookies = new Map();
  let url = start;
  for (let steps = 0; steps < 12; steps += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (!location) throw new Error(`no way on from ${url}: ${answer.status} ${await answer.text()}`);
    url = new URL(location, url);
    if (url.href.startsWith(plan.redirect)) return url;
  }
  throw new Error('a way without an end');
}

function authorization(parameters) {
  const url = new URL(server.authorization_endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

async function login(more) {
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
  const wanted = {
    response_type: 'code', redirect_uri: plan.redirect, scope: plan.scope, resource: plan.resource, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more,
  };
  const unpushed = await browse(authorization({ client_id: plan.client, ...wanted }));
  const answer = await oauth.pushedAuthorizationRequest(server, client, secret, wanted, { DPoP, ...near });
  const { request_uri } = await oauth.processPushedAuthorizationResponse(server, client, answer);
  const back = await browse(authorization({ client_id: plan.client, request_uri }));
  const code = oauth.validateAuthResponse(server, client, back, state);
  const options = { DPoP, additionalParameters: { resource: plan.resource }, ...near };
  const granted = await oauth.authorizationCodeGrantRequest(server, client, secret, code, plan.redirect, verifier, options);
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, granted, { requireIdToken: true });
  return { ...tokens, unpushed: unpushed.searchParams.get('error') };
}

async function code(response) {
  try {
    return (await response.json()).code;
  } catch {
    return undefined;
  }
}

let tokens = await login({});

async function call({ url, as }, logins = 0) {
  const key = as === 'bearer' ? undefined : DPoP;
  try {
    const response = await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(url), undefined, undefined, { DPoP: key, ...near });
    return { status: response.status, code: await code(response), logins };
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
    const { parameters } = error.cause[0];
    const { acr_values, max_age } = parameters;
    if (parameters.error === 'insufficient_user_authentication' && logins === 0) {
      tokens = await login({ ...(acr_values && { acr_values }), ...(max_age && { max_age }) });
      return call({ url, as }, 1);
    }
    return { status: error.response.status, code: await code(error.response), error: parameters.error, logins };
  }
}

const first = tokens;
const calls = [];
for (const one of plan.calls) calls.push(await call(one));
const { access_token, id_token, token_type, unpushed } = first;
console.log(JSON.stringify({ access_token, id_token, token_type, unpushed, calls }));
