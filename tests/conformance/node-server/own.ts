// Rows of collections of the shop's own, by the rule that the name begins with.

import { isOwn, type Row, type Rows } from "./store.ts";
import { BadArgs, applied, isObject, noop, rejected, text, type Verdict } from "./rules.ts";

const OWN_ROW_BYTES_MAX = 65536;

function placeOf(args: Row): { name: string; rule: string; key: string; detail: Row } {
  const name = args.collection;
  if (typeof name !== "string" || !isOwn(name)) throw new BadArgs("collection", "is no name with its rule");
  const key = text(args, "key");
  return { name, rule: name.split(":")[0]!, key, detail: { collection: name, key } };
}

function objectOf(args: Row, field: string): Row {
  const value = args[field];
  if (!isObject(value)) throw new BadArgs(field, "is not an object");
  if (JSON.stringify(value).length > OWN_ROW_BYTES_MAX) throw new BadArgs(field, "is too long");
  return value;
}

const undecided = (): Verdict => rejected("refused", { why: "nobody decides" });

export function put(args: Row, rows: Rows): Verdict {
  const { name, rule, key, detail } = placeOf(args);
  const row = objectOf(args, "row");
  if (rule === "server-decides") return undecided();
  rows.put(name, key, rule === "add-wins" ? { ...row, $tag: tagOf(rows.id) } : row);
  return applied(detail);
}

export function remove(args: Row, rows: Rows): Verdict {
  const { name, rule, key, detail } = placeOf(args);
  const before = rows.get(name, key);
  if (!before) return noop("row_gone", detail);
  if (rule === "add-wins" && before.$tag !== args.seen) return noop("added_elsewhere", detail);
  if (rule === "server-decides") return undecided();
  rows.put(name, key, null);
  return applied(detail);
}

export function add(args: Row, rows: Rows): Verdict {
  const { name, rule, key, detail } = placeOf(args);
  const row = { ...(rows.get(name, key) ?? objectOf(args, "row")) };
  if (rule !== "counter") throw new BadArgs("collection", "is no counter");
  for (const [field, more] of Object.entries(objectOf(args, "by"))) {
    const sum = ((row[field] ?? 0) as number) + (more as number);
    if (!Number.isSafeInteger(sum) || !Number.isInteger(more)) throw new BadArgs("by", "adds what is no whole number");
    row[field] = sum;
  }
  rows.put(name, key, row);
  return applied(detail);
}

/** The first eight bytes of an id, little-endian, modulo 2^53. */
const tagOf = (id: string): number => Number(Buffer.from(id, "hex").readBigUInt64LE() & (2n ** 53n - 1n));
