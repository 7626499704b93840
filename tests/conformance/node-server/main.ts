// A second server of Pannier's sync protocol, written from docs/protocol.md and the scenarios: in memory, JSON only,
// without dependencies. `--secret-file FILE` holds the secret of its tokens.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { importCatalog, sync } from "./sync.ts";
import { Refused, text } from "./rule.ts";
import { Store, type Row } from "./store.ts";

const REQUEST_BYTES_MAX = 262144;
const IMPORT_BYTES_MAX = 64 * 1024 * 1024;
const ANONYMOUS_MS = 90 * 24 * 3600 * 1000;

const store = new Store((anonymous, token) => claimsOf(token)?.sub === anonymous);
const secret = readFileSync(process.argv[process.argv.indexOf("--secret-file") + 1]!);

const mac = (signed: string): Buffer => createHmac("sha256", secret).update(signed).digest();

function sign(claims: Row): string {
  const part = (value: Row): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${mac(signed).toString("base64url")}`;
}

/** What a token says, if it is signed with the secret. */
function claimsOf(token: string): Row | undefined {
  const [head, body, signature] = token.split(".");
  const given = Buffer.from(signature ?? "", "base64url");
  const right = mac(`${head}.${body}`);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  const read = (part?: string): Row => JSON.parse(Buffer.from(part ?? "", "base64url").toString()) as Row;
  return read(head).alg === "HS256" && text.is(read(body).sub) ? read(body) : undefined;
}

/** Who asks, and what they may. */
function claims(request: IncomingMessage): Row {
  const found = claimsOf((request.headers.authorization ?? "").replace(/^bearer /i, ""));
  if (found && !(typeof found.exp === "number" && found.exp * 1000 <= Date.now())) return found;
  throw new Refused("auth", {}, 401);
}

async function bodyOf(request: IncomingMessage, limit: number): Promise<string> {
  let [body, left] = ["", limit];
  for await (const part of request.setEncoding("utf8")) {
    left -= Buffer.byteLength(part as string);
    if (left < 0) throw new Refused("too_large", { limit }, 413);
    body += part as string;
  }
  return body;
}

async function answer(request: IncomingMessage): Promise<Row> {
  const isJson = request.headers["content-type"]?.startsWith("application/json");
  switch (`${request.method} ${request.url}`) {
    case "POST /v1/sync":
      if (!isJson) throw new Refused("malformed", { why: "only JSON is served" }, 415);
      return { ok: sync(store, claims(request).sub as string, await bodyOf(request, REQUEST_BYTES_MAX), Date.now()) };
    case "POST /v1/anonymous": {
      const shopper = `anon-${randomBytes(16).toString("hex")}`;
      return { token: sign({ sub: shopper, exp: Math.floor((Date.now() + ANONYMOUS_MS) / 1000) }), shopper };
    }
    case "POST /v1/admin/catalog":
      if (claims(request).admin !== true) throw new Refused("auth", {}, 403);
      return importCatalog(store, await bodyOf(request, IMPORT_BYTES_MAX), Date.now());
    default:
      throw new Refused("malformed", { why: "there is no such address" }, 404);
  }
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const json = { "content-type": "application/json" };
  try {
    const body = await answer(request);
    response.writeHead(200, json).end(JSON.stringify(body));
  } catch (error) {
    // A connection that broke off has nobody to answer to.
    const refused = error instanceof Refused ? error : new Refused("retry", { after_ms: 1000 }, 503);
    const headers = { ...json, ...(refused.code === "retry" && { "retry-after": "1" }) };
    response.writeHead(refused.status, headers).end(JSON.stringify({ error: { [refused.code]: refused.fields } }));
  }
}

const server = createServer((request, response) => void serve(request, response));
server.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
