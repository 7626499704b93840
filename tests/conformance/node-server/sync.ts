// One request, one transaction: JavaScript runs it without a break, and what can be refused is refused before
// the first write.

import { isCollection, Rows, Store, type Collection, type Json, type Outcome, type Row } from "./store.ts";
import { execute, isObject } from "./rules.ts";

const MUTATIONS_PER_SYNC_MAX = 100;
const CHANGES_PER_SCOPE_MAX = 1000;
const ID = /^[0-9a-f]{32}$/i;

type Request = ReturnType<typeof read>;
type Mutation = Request["mutations"][number];

/** What a request is refused with. */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, readonly fields: Row = {}) {
    super(code);
  }
}

const malformed = (why: string): Refused => new Refused(400, "malformed", { why });

function count(row: Row, field: string, missing = -1): number {
  const value = row[field] ?? missing;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw malformed(`${field} is not a count`);
}

const orNull = (row: Row, field: string): number | null => ((row[field] ?? null) === null ? null : count(row, field));

function id(row: Row, field: string): string {
  const value = row[field];
  if (typeof value === "string" && ID.test(value)) return value.toLowerCase();
  throw malformed(`${field} is not an id`);
}

function rowsOf(row: Row, field: string): Row[] {
  const value = row[field] ?? [];
  if (Array.isArray(value) && value.every(isObject)) return value as Row[];
  throw malformed(`${field} is not a list of objects`);
}

/** Reads a request; unknown fields are ignored. */
export function read(body: string) {
  let row: Json;
  try {
    row = JSON.parse(body) as Json;
  } catch {
    throw malformed("the body is no JSON");
  }
  if (!isObject(row)) throw malformed("the body is no object");
  const scopes = rowsOf(row, "scopes").map((scope) => {
    if (!isCollection(scope.name)) throw malformed("there is no such scope");
    return { name: scope.name, cookie: orNull(scope, "cookie") };
  });
  const mutations = rowsOf(row, "mutations").map((one) => {
    if (typeof one.name !== "string") throw malformed("a mutation has no name");
    const numbers = { seq: count(one, "seq"), hash: count(one, "hash"), v: count(one, "v"), at: count(one, "at") };
    return { ...numbers, id: id(one, "id"), name: one.name, args: one.args ?? null, valid_for: orNull(one, "valid_for") };
  });
  return {
    protocol: count(row, "protocol"), schema: count(row, "schema"), epoch: orNull(row, "epoch"),
    client: id(row, "client"), ack_to: count(row, "ack_to", 0), first_seq: count(row, "first_seq", 1), scopes, mutations,
  };
}

/** Serves a request of a shopper. */
export function sync(store: Store, shopper: string, request: Request, now: number): Row {
  if (request.protocol !== 1 || request.schema !== 1) throw new Refused(409, "schema", { min: 1, max: 1 });
  const known = store.clients.get(request.client);
  if (known && known.shopper !== shopper) throw new Refused(403, "principal_changed");
  if (request.epoch !== null && request.epoch !== store.epoch) {
    throw new Refused(409, "epoch_changed", { epoch: store.epoch, last_seq: known?.last_seq ?? null });
  }
  const { first_seq, mutations } = request;
  const start = mutations[0]?.seq ?? first_seq;
  if (!known && (request.ack_to >= first_seq || start > first_seq)) throw new Refused(409, "unknown_client");
  const last = known?.last_seq ?? first_seq - 1;
  const isGapless = mutations.every(({ seq }, index) => seq === start + index && seq > 0);
  if (!isGapless || (mutations.length > 0 && start > last + 1)) throw new Refused(409, "seq_gap", { expected: last + 1 });
  const batch = mutations.slice(0, MUTATIONS_PER_SYNC_MAX);
  for (const { seq, id, hash } of batch.filter(({ seq }) => seq <= last)) {
    const before = known?.outcomes.get(seq);
    if (before?.hash !== hash || before.outcome.id !== id) throw new Refused(409, "op_mismatch", { seq });
  }
  const client = known ?? { shopper, last_seq: last, outcomes: new Map() };
  store.clients.set(request.client, client);
  const outcomes = batch.map((mutation) => {
    const { seq, id, hash } = mutation;
    if (seq <= last) return client.outcomes.get(seq)!.outcome;
    const name = `${shopper} ${id}`;
    const elsewhere = store.byId.get(name);
    const outcome = elsewhere?.hash === hash ? { ...elsewhere.outcome, seq } : run(store, shopper, mutation, now);
    client.outcomes.set(seq, { hash, outcome });
    if (outcome.code !== "unknown_mutation") store.byId.set(name, { hash, outcome });
    client.last_seq = seq;
    return outcome;
  });
  const scopes = [...new Map(request.scopes.map((scope) => [scope.name, scope])).values()];
  const patches = scopes.map(({ name, cookie }) => pull(store, shopper, name, cookie));
  return { epoch: store.epoch, last_seq: client.last_seq, outcomes: outcomes as unknown as Json, scopes: patches, at: now };
}

function run(store: Store, shopper: string, mutation: Mutation, now: number): Outcome {
  const { seq, id, name, v, args, valid_for } = mutation;
  const rows = new Rows(store, shopper, now, id, valid_for);
  const verdict = execute(name, v, args, rows);
  return { seq, id, ...verdict, rev: rows.rev };
}

function pull(store: Store, shopper: string, name: Collection, cookie: number | null): Row {
  const scope = store.scope(shopper, name);
  const after = cookie !== null && cookie <= scope.rev ? cookie : null;
  const newer = [...scope.rows].filter(([, { rev }]) => rev > (after ?? 0)).sort(([, a], [, b]) => a.rev - b.rev);
  const page = name === "catalog" ? newer.slice(0, CHANGES_PER_SCOPE_MAX) : newer;
  const more = page.length < newer.length;
  const changes = page.map(([key, { rev, value }]): Row => (value ? { put: { key, rev, value } } : { del: { key, rev } }));
  return { name, cookie: more ? page.at(-1)![1].rev : scope.rev, reset: after === null, more, changes };
}

/** Imports products and coupons, one JSON object a line. */
export function importCatalog(store: Store, body: string, now: number): Row {
  const rows = new Rows(store, "", now);
  const came = { in: 0, unchanged: 0, skipped: [] as Json[] };
  for (const [index, line] of body.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      const row = JSON.parse(line) as Row;
      if (typeof row.coupon === "string") {
        store.coupons.set(row.coupon, row);
        came.in += 1;
        continue;
      }
      if (typeof row.id !== "string" || row.id === "") throw new Error("it has no id");
      const { version: _, ...product } = row;
      const { version, ...before } = rows.get("catalog", row.id) ?? {};
      if (Number.isInteger(before.price) && before.price !== product.price) {
        const old = { price: before.price as number, until: now };
        store.prices.set(row.id, [old, ...(store.prices.get(row.id) ?? [])]);
      }
      rows.put("catalog", row.id, { ...product, version: ((version as number | undefined) ?? 0) + 1 });
      came.in += 1;
    } catch (error) {
      came.skipped.push(`line ${index + 1}: ${(error as Error).message}`);
    }
  }
  return came;
}
