// An identity provider that others wrote and certified (panva/node-oidc-provider), for one client.
//
//   node provider.mjs FOLDER   FOLDER has node_modules; what to serve stands on standard input, as JSON:
//                              issuer, port, client, redirects, secret or keys, algorithm
//
// Its one page asks who somebody is and believes it. It says "ready" once it listens.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { generateKeyPairSync, randomBytes } from "node:crypto";

const told = JSON.parse(readFileSync(0, "utf8"));
const library = join(process.argv[2], "node_modules", "oidc-provider", "lib", "index.js");
const { default: Provider } = await import(pathToFileURL(library));

const kinds = { RS256: ["rsa", { modulusLength: 2048 }], ES256: ["ec", { namedCurve: "P-256" }] };
const { privateKey } = generateKeyPairSync(...kinds[told.algorithm]);
const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: told.algorithm, kid: "one" };

const shown =
  told.keys === undefined
    ? { client_secret: told.secret, token_endpoint_auth_method: "client_secret_basic" }
    : {
        jwks: told.keys,
        token_endpoint_auth_method: "private_key_jwt",
        token_endpoint_auth_signing_alg: "ES256",
      };
const provider = new Provider(told.issuer, {
  clients: [
    {
      client_id: told.client,
      redirect_uris: told.redirects,
      response_types: ["code"],
      grant_types: ["authorization_code"],
      id_token_signed_response_alg: told.algorithm,
      ...shown,
    },
  ],
  jwks: { keys: [key] },
  cookies: { keys: [randomBytes(16).toString("hex")] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  interactions: { url: (_, interaction) => `/ask/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
});

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Other</title><h1>Who are you?</h1>
<form method="post"><label>Name <input name="name"></label>
<button name="do" value="in">Go on</button> <button name="do" value="no">Leave</button></form>`;

async function ask(request, response) {
  if (request.method === "GET") {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(PAGE);
    return;
  }
  let sent = "";
  for await (const piece of request) sent += piece;
  const form = new URLSearchParams(sent);
  const result =
    form.get("do") === "in"
      ? { login: { accountId: form.get("name") } }
      : { error: "access_denied", error_description: "left" };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const serve = provider.callback();
createServer((request, response) => {
  if (request.url === "/favicon.ico") response.end();
  else if (request.url.startsWith("/ask/")) void ask(request, response);
  else serve(request, response);
}).listen(told.port, "127.0.0.1", () => {
  console.log("ready");
});
