// One request, one transaction: JavaScript runs it without a break, and what can be refused is refused before
// the first write.

import { Rows, isCollection, type Json, type Row, type Store } from "./store.ts";
import { Refused, count, fields, kind, list, object, optional, string, text, type Values } from "./rule.ts";
import { execute } from "./rules.ts";

const MUTATIONS_PER_SYNC_MAX = 100;
const CHANGES_PER_SCOPE_MAX = 1000;

const id = kind<string>("32 hexadecimal digits", (value) => string.is(value) && /^[0-9a-f]{32}$/i.test(value));
const REQUEST = {
  protocol: count, schema: count, epoch: optional(count, null), client: id, ack_to: optional(count, 0),
  first_seq: optional(count, 1), scopes: optional(list(), []), mutations: optional(list(), []),
};
const SCOPE = { name: kind<string>("a scope", isCollection), cookie: optional(count, null) };
const MUTATION = {
  seq: count, id, hash: count, name: string, v: count, args: optional(object(), null), at: count,
  valid_for: optional(count, null),
};

/** Serves a request of a shopper. */
export function sync(store: Store, shopper: string, body: string, now: number): Row {
  const { client: name, ack_to, first_seq, epoch, scopes, mutations, ...request } = read(body);
  if (request.protocol !== 1 || request.schema !== 1) throw new Refused("schema", { min: 1, max: 1 });
  const known = store.clients.get(name);
  if (known && known.shopper !== shopper) throw new Refused("principal_changed", {}, 403);
  if (epoch !== null && epoch !== store.epoch) {
    throw new Refused("epoch_changed", { epoch: store.epoch, last_seq: known?.last_seq ?? null });
  }
  const start = mutations[0]?.seq ?? first_seq;
  if (!known && (ack_to >= first_seq || start > first_seq)) throw new Refused("unknown_client");
  const last = known?.last_seq ?? first_seq - 1;
  const isGapless = mutations.every(({ seq }, index) => seq > 0 && seq === Math.min(start, last + 1) + index);
  if (!isGapless || ack_to > last) throw new Refused("seq_gap", { expected: last + 1 });
  const batch = mutations.slice(0, MUTATIONS_PER_SYNC_MAX);
  for (const { seq, id, hash } of batch.filter(({ seq }) => seq <= last)) {
    const before = known?.outcomes.get(seq);
    if (before?.hash !== hash || before.outcome.id !== id) throw new Refused("op_mismatch", { seq });
  }
  const client = known ?? { shopper, last_seq: last, outcomes: new Map() };
  store.clients.set(name, client);
  const outcomes = batch.map((mutation): Row => {
    const { seq, id, hash } = mutation;
    if (seq <= last) return client.outcomes.get(seq)!.outcome;
    const elsewhere = store.byId.get(`${shopper} ${id}`);
    const rows = new Rows(store, shopper, now, mutation);
    const done = elsewhere?.hash === hash ? elsewhere.outcome : { ...execute(mutation, rows), rev: rows.rev };
    const outcome = { ...done, seq, id };
    client.outcomes.set(seq, { hash, outcome });
    if (outcome.code !== "unknown_mutation") store.byId.set(`${shopper} ${id}`, { hash, outcome });
    client.last_seq = seq;
    return outcome;
  });
  const patches = scopes.map((scope) => pull(store, shopper, scope));
  return { epoch: store.epoch, last_seq: client.last_seq, outcomes, scopes: patches, at: now };
}

/** Reads a request; unknown fields are ignored. */
function read(body: string) {
  try {
    const { scopes, mutations, ...rest } = fields(JSON.parse(body) as Row, REQUEST);
    const byName = new Map(scopes.map((scope) => [scope.name, fields(scope, SCOPE)]));
    return { ...rest, scopes: [...byName.values()], mutations: mutations.map((one) => fields(one, MUTATION)) };
  } catch (error) {
    throw new Refused("malformed", { why: (error as Error).message }, 400);
  }
}

function pull(store: Store, shopper: string, { name, cookie }: Values<typeof SCOPE>): Row {
  const scope = store.scope(shopper, name);
  const after = cookie !== null && cookie <= scope.rev ? cookie : null;
  const newer = [...scope.rows].filter(([, { rev }]) => rev > (after ?? 0)).sort(([, a], [, b]) => a.rev - b.rev);
  const page = name === "catalog" ? newer.slice(0, CHANGES_PER_SCOPE_MAX) : newer;
  const more = page.length < newer.length;
  const changes = page.map(([key, { rev, value }]) => (value ? { put: { key, rev, value } } : { del: { key, rev } }));
  return { name, cookie: more ? page.at(-1)![1].rev : scope.rev, reset: after === null, more, changes };
}

/** Imports products and coupons, one JSON object a line. */
export function importCatalog(store: Store, body: string, now: number): Row {
  const [rows, skipped] = [new Rows(store, "", now), [] as Json[]];
  const lines = body.split("\n").filter((line) => line.trim() !== "");
  for (const line of lines) {
    try {
      importLine(rows, JSON.parse(line) as Row);
    } catch (error) {
      skipped.push(`${line.slice(0, 100)}: ${(error as Error).message}`);
    }
  }
  return { in: lines.length - skipped.length, unchanged: 0, skipped };
}

function importLine(rows: Rows, row: Row): void {
  const { coupons, prices } = rows.store;
  if (string.is(row.coupon)) return void coupons.set(row.coupon, row);
  const { id } = fields(row, { id: text });
  const before = (prices.get(id) ?? []).map((one) => ({ ...one, until: Math.min(one.until, rows.now) }));
  prices.set(id, [{ price: row.price, until: Infinity }, ...before]);
  rows.put("catalog", id, { ...row, version: (rows.get<{ version: number }>("catalog", id)?.version ?? 0) + 1 });
}
