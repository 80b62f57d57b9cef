// A certified OpenID provider (npm `oidc-provider`) as external issuer: client_credentials clients, JWT access tokens
// (RFC 9068) for resource indicators (RFC 8707), ES256 and RS256 keys. Loopback and port 0 only; several can run.
//
//   node oidc-provider.mjs [--audience orders-api] [--name one] [--gateway-key key.pem] [--shape keycloak]
//
// prints one JSON line when it serves: {"issuer", "control", "token_endpoint", "introspection_endpoint", "clients", "resources"}.
// Tokens of `holder` are bound to its key (DPoP, RFC 9449), those of `machine` to its certificate (RFC 8705), which the
// client puts into `x-client-certificate` in base64 as a terminator of TLS would; the resource `urn:yett:orders:opaque` has
// opaque tokens. `gateway` may ask about them (RFC 7662), `gateway-signed` is answered by a signed JWT (RFC 9701), and
// `gateway-key` proves itself by the key of `--gateway-key`. The same clients may exchange tokens of this provider (RFC 8693) for
// such as are for `orders-service`, with `actor_token` as who acts, and have tokens of their own for the resource `urn:yett:service`.
// `portal` is the client of a user, `alice`, who logs in as she is asked to (`acr_values`, else by `pwd`) and agrees to everything; its
// requests have to be pushed (RFC 9126), and its tokens say how and when she logged in (`acr`, `auth_time`).
// With `--shape keycloak` its tokens have the claims of Keycloak's beside their
// own: `admin` a role of the realm, `clerk` one of the audience's client, `reader` one of another client.
//
// The control endpoint (a port of its own; JSON in, JSON out, POST):
//   /rotate {"keep": true}                     new keys sign from now on; the old ones stay published, or do not
//   /serve  {"jwks": M, "discovery": M}        M: ok, 500, hang, garbage or empty
//   /mint   {"subject", "scope", "alg", "ttl", "claims", "header"}   a token signed with the current key
//   /count  {}                                 how often jwks, discovery and tokens were asked for
//   /stop   {}                                 closes the issuer's port (as a crash would); /start opens it again
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as http from 'node:http';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const here = path.dirname(fileURLToPath(import.meta.url));
const peers = process.env.YETT_PEERS ?? path.join(here, '../../.peers');
const resolve = createRequire(path.join(peers, 'npm/')).resolve;
const { Provider, errors } = await import(pathToFileURL(resolve('oidc-provider')));
const jose = await import(pathToFileURL(resolve('jose')));

const { values: flags } = parseArgs({
  options: {
    audience: { type: 'string', default: 'orders-api' },
    name: { type: 'string', default: 'idp' },
    'gateway-key': { type: 'string' },
    shape: { type: 'string' },
  },
});
const SCOPES = ['orders:read', 'orders:write', 'orders:admin'];
const CLIENTS = {
  reader: ['orders:read'],
  clerk: ['orders:read', 'orders:write'],
  admin: SCOPES,
  holder: ['orders:read', 'orders:write'],
  machine: ['orders:read'],
  portal: ['openid', 'orders:read'],
  gateway: [],
  'gateway-signed': [],
};
const SETTINGS = {
  portal: {
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: ['https://portal.example.com/callback'],
    require_pushed_authorization_requests: true,
  },
  holder: { dpop_bound_access_tokens: true },
  machine: { tls_client_certificate_bound_access_tokens: true },
  'gateway-signed': { introspection_signed_response_alg: 'ES256' },
};
// A resource indicator is a URI; which one is asked for chooses the algorithm.
const RESOURCES = { 'urn:yett:orders': 'ES256', 'urn:yett:orders:rs256': 'RS256', 'urn:yett:orders:opaque': 'opaque' };
// Token exchange (RFC 8693).
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const EXCHANGED = ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope', 'actor_token', 'actor_token_type'];
// The service that is behind the gateway, and that gateways ask tokens for.
const SERVICE = { resource: 'urn:yett:service', audience: 'orders-service' };

const SHAPES = {
  keycloak: ({ clientId }) => ({
    typ: 'Bearer',
    azp: clientId,
    realm_access: { roles: clientId === 'admin' ? ['offline_access', 'admin'] : ['offline_access'] },
    resource_access: { [clientId === 'reader' ? 'account' : flags.audience]: { roles: [clientId] } },
  }),
};
if (flags.shape && !SHAPES[flags.shape]) throw new Error(`no shape \`${flags.shape}\``);

const server = http.createServer((request, response) => route(request, response));
const port = await listen(server, 0);
const issuer = `http://127.0.0.1:${port}`;

let generation = 0;
let keys = [];
let provider;
const serving = { jwks: 'ok', discovery: 'ok' };
const counts = { jwks: 0, discovery: 0, token: 0 };
const hanging = new Set();
rotate(false);

function rotate(keep) {
  generation += 1;
  const make = (alg, kind, options) => {
    const { privateKey } = crypto.generateKeyPairSync(kind, options);
    const jwk = privateKey.export({ format: 'jwk' });
    return { ...jwk, alg, use: 'sig', kid: `${flags.name}-${alg.toLowerCase()}-${generation}`, privateKey };
  };
  const fresh = [
    make('ES256', 'ec', { namedCurve: 'P-256' }),
    make('RS256', 'rsa', { modulusLength: 2048 }),
  ];
  keys = keep ? [...fresh, ...keys.slice(0, 4)] : fresh;
  provider = new Provider(issuer, {
    clients: [...Object.entries(CLIENTS).map(([name, scopes]) => ({
      client_id: name,
      client_secret: `${name}-secret-of-the-tests-only`,
      grant_types: name.startsWith('gateway') ? ['client_credentials', EXCHANGE] : ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: scopes.join(' ') || undefined,
      ...SETTINGS[name],
    })), ...keyed()],
    jwks: { keys: keys.map(({ privateKey, ...jwk }) => jwk) },
    scopes: SCOPES,
    ttl: { ClientCredentials: 600 },
    enabledJWA: { dPoPSigningAlgValues: ['ES256', 'PS256', 'Ed25519'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.clientId.startsWith('gateway') },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (ctx) => ctx.get('x-client-certificate') || undefined,
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: SCOPES.join(' '),
          audience: resource === SERVICE.resource ? SERVICE.audience : flags.audience,
          accessTokenTTL: 600,
          ...format(RESOURCES[resource] ?? 'ES256'),
        }),
      },
    },
    extraTokenClaims: (ctx, token) => ({
      ...login(ctx.oidc.entities.AuthorizationCode),
      ...SHAPES[flags.shape]?.(token),
      ...(ctx.oidc.params?.actor_token ? { act: { sub: ctx.oidc.params.actor_token } } : undefined),
    }),
  });
  provider.registerGrantType(EXCHANGE, exchange, EXCHANGED);
}

// How and when a user logged in, where one did.
function login(code) {
  return code && { acr: code.acr, auth_time: code.authTime };
}

// What the user does: she logs in, and agrees.
async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    const acr = (params.acr_values ?? 'pwd').split(' ')[0];
    return provider.interactionFinished(request, response, { login: { accountId: 'alice', acr } });
  }
  const { missingOIDCScope, missingResourceScopes } = prompt.details;
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '));
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

// A token of this provider's for the API, exchanged for one of the same subject for the service.
async function exchange(ctx) {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('what kind of token is it?');
  let subject;
  try {
    const open = ({ privateKey, kid, alg }) => ({ ...crypto.createPublicKey(privateKey).export({ format: 'jwk' }), kid, alg });
    const known = jose.createLocalJWKSet({ keys: keys.map(open) });
    const checks = { issuer, audience: flags.audience, typ: 'at+jwt' };
    subject = (await jose.jwtVerify(params.subject_token, known, checks)).payload;
  } catch {
    throw new errors.InvalidGrant('the subject token is not good');
  }
  if (params.audience !== SERVICE.audience) {
    throw new errors.InvalidTarget('there is no such service');
  }
  const token = new provider.AccessToken({
    accountId: subject.sub, client, grantId: crypto.randomUUID(), gty: 'token_exchange', scope: params.scope,
  });
  token.resourceServer = new provider.ResourceServer(SERVICE.resource, {
    audience: SERVICE.audience, scope: SCOPES.join(' '), accessTokenTTL: 120, ...format('ES256'),
  });
  const value = await token.save();
  ctx.body = {
    access_token: value, issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: token.expiration, scope: params.scope,
  };
}

function format(kind) {
  if (kind === 'opaque') return { accessTokenFormat: 'opaque' };
  return { accessTokenFormat: 'jwt', jwt: { sign: { alg: kind, kid: signer(kind).kid } } };
}

// The client that has a key instead of a secret, named by its thumbprint (RFC 7638).
function keyed() {
  if (!flags['gateway-key']) return [];
  const { crv, kty, x, y } = crypto.createPublicKey(fs.readFileSync(flags['gateway-key'])).export({ format: 'jwk' });
  const kid = crypto.createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return [{
    client_id: 'gateway-key',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [{ crv, kty, x, y, kid, alg: 'ES256', use: 'sig' }] },
    grant_types: ['client_credentials', EXCHANGE],
    response_types: [],
    redirect_uris: [],
  }];
}

function signer(alg) {
  const key = keys.find((candidate) => candidate.alg === alg);
  if (!key) throw new Error(`no key for \`${alg}\``);
  return key;
}

function route(request, response) {
  const pathname = request.url.split('?')[0];
  const kind = pathname.startsWith('/.well-known/') ? 'discovery' : pathname === '/jwks' ? 'jwks' : undefined;
  if (pathname === '/token') counts.token += 1;
  if (pathname.startsWith('/interaction/')) {
    return interact(request, response).catch((error) => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(error.message);
    });
  }
  if (!kind) return provider.callback()(request, response);
  counts[kind] += 1;
  switch (serving[kind]) {
    case '500':
      response.writeHead(500, { 'content-type': 'text/plain' });
      return response.end('out of order');
    case 'hang':
      hanging.add(response);
      return response.on('close', () => hanging.delete(response));
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end('{"keys": [{"kty": "EC", "crv":');
    case 'empty':
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end(kind === 'jwks' ? '{"keys": []}' : '{}');
    default:
      return provider.callback()(request, response);
  }
}

function mint({ subject = 'alice', scope = 'orders:read', alg = 'ES256', ttl = 600, claims = {}, header = {} }) {
  const key = signer(alg);
  const now = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = {
    iss: issuer, sub: subject, aud: flags.audience, client_id: 'tests', scope, iat: now, exp: now + ttl,
    jti: crypto.randomUUID(), ...claims,
  };
  const signed = `${part({ alg, typ: 'at+jwt', kid: key.kid, ...header })}.${part(payload)}`;
  const options = alg === 'ES256' ? { key: key.privateKey, dsaEncoding: 'ieee-p1363' } : key.privateKey;
  return `${signed}.${crypto.sign('sha256', Buffer.from(signed), options).toString('base64url')}`;
}

const MODES = new Set(['ok', '500', 'hang', 'garbage', 'empty']);
const actions = {
  '/rotate': ({ keep = false }) => {
    rotate(keep);
    return { kids: keys.map((key) => key.kid) };
  },
  '/serve': (wanted) => {
    for (const [kind, mode] of Object.entries(wanted)) {
      if (!(kind in serving) || !MODES.has(mode)) throw new Error(`\`${kind}: ${mode}\` is not known`);
      serving[kind] = mode;
    }
    for (const response of hanging) response.destroy();
    return serving;
  },
  '/mint': (wanted) => ({ access_token: mint(wanted) }),
  '/count': () => counts,
  '/stop': async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    return {};
  },
  '/start': async () => {
    await listen(server, port);
    return {};
  },
};

const control = http.createServer(async (request, response) => {
  let status = 200;
  let answer;
  try {
    let text = '';
    for await (const chunk of request) {
      text += chunk;
      if (text.length > 65536) throw new Error('body too large');
    }
    const action = request.method === 'POST' && actions[request.url];
    if (!action) throw new Error(`no action \`${request.method} ${request.url}\``);
    answer = await action(text === '' ? {} : JSON.parse(text));
  } catch (error) {
    status = 400;
    answer = { error: error.message };
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(answer)}\n`);
});
const controlPort = await listen(control, 0);

function listen(on, wanted) {
  return new Promise((done, failed) => {
    on.once('error', failed);
    on.listen(wanted, '127.0.0.1', () => done(on.address().port));
  });
}

console.log(JSON.stringify({
  issuer,
  control: `http://127.0.0.1:${controlPort}`,
  token_endpoint: `${issuer}/token`,
  introspection_endpoint: `${issuer}/token/introspection`,
  revocation_endpoint: `${issuer}/token/revocation`,
  audience: flags.audience,
  resources: RESOURCES,
  clients: Object.fromEntries(
    Object.entries(CLIENTS).map(([name, scopes]) => [name, { secret: `${name}-secret-of-the-tests-only`, scopes }]),
  ),
}));
