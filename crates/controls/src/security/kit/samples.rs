//! A document and a contract with every kind of `security`.

/// Two issuers, one for customers and one for staff, and operations with every kind of `security`.
pub(crate) const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers:
  shop: { url: "https://idp.example.com/realms/shop" }
  staff: { url: "https://login.example.org/v2.0", scopes_from: roles, roles: { clerk: ["orders:read"] } }
apis:
  orders:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    accept_unenforced: ["/paths/~1key/get/security"]
    authentication:
      shop: { issuers: [shop], audience: orders }
      both: { issuers: [shop, staff], audience: [orders, orders-v2] }
      other: { issuers: [shop], audience: other }
    unsecured: anonymous
    operations:
      silentAuthenticated: { unsecured: authenticated }
      required: { authorization: { require: { roles: [admin], scopes: "orders:audit" } } }
      shadowed: { authorization: { require: { roles: admin }, mode: shadow } }
"#;

pub(crate) const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "1" }
components:
  securitySchemes:
    shop: { type: openIdConnect, openIdConnectUrl: "https://idp.example.com/realms/shop/.well-known/openid-configuration" }
    both: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x.example/t", scopes: { "orders:read": r, "orders:write": w } } } }
    other: { type: http, scheme: bearer }
    key: { type: apiKey, in: header, name: X-Key }
    basic: { type: http, scheme: basic }
paths:
  /read: { get: { operationId: read, security: [{ shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /admin: { get: { operationId: admin, security: [{ shop: ["orders:admin", "orders:read"] }], responses: { "200": { description: ok } } } }
  /either: { get: { operationId: either, security: [{ shop: ["orders:admin"] }, { shop: ["orders:read", "orders:write"] }], responses: { "200": { description: ok } } } }
  /both: { get: { operationId: both, security: [{ both: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /and: { get: { operationId: and, security: [{ shop: ["orders:read"], other: ["orders:write"] }], responses: { "200": { description: ok } } } }
  /or: { get: { operationId: or, security: [{ other: ["orders:read"] }, { shop: ["orders:write"] }], responses: { "200": { description: ok } } } }
  /open: { get: { operationId: open, security: [], responses: { "200": { description: ok } } } }
  /optional: { get: { operationId: optional, security: [{}, { shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /silent: { get: { operationId: silent, responses: { "200": { description: ok } } } }
  /silent2: { get: { operationId: silentAuthenticated, responses: { "200": { description: ok } } } }
  /key: { get: { operationId: key, security: [{ key: [] }], responses: { "200": { description: ok } } } }
  /dropped: { get: { operationId: dropped, security: [{ key: [] }, { basic: [], shop: [] }, { shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /required: { get: { operationId: required, security: [{ shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /shadowed: { get: { operationId: shadowed, security: [{ shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
"#;
