// What each mutation does, as docs/protocol.md has it.

import { Rows, type Json, type Row } from "./store.ts";
import { claim } from "./claim.ts";
import { cancel, coupon, submit } from "./orders.ts";
import * as own from "./own.ts";

export interface Verdict { status: "applied" | "adjusted" | "noop" | "rejected"; code: string | null; detail: Row }

const CART_LINES_MAX = 500;
const QTY_PER_LINE_MAX = 9999;
const KEY_BYTES_MAX = 400;
const QUOTE_BYTES_MAX = 1024;
const OPTIONS_MAX = 16;
const HISTORY_VISITS_MAX = 1000;
const HISTORY_CUTS_MAX = 200;
const HISTORY_AGE_MS_MAX = 90 * 24 * 3600 * 1000;

export const applied = (detail: Row): Verdict => ({ status: "applied", code: null, detail });
export const adjusted = (code: string, detail: Row): Verdict => ({ status: "adjusted", code, detail });
export const noop = (code: string, detail: Row): Verdict => ({ status: "noop", code, detail });
export const rejected = (code: string, detail: Row = {}): Verdict => ({ status: "rejected", code, detail });

export class BadArgs extends Error {
  constructor(readonly field: string, readonly why: string) {
    super(why);
  }
}

export const isObject = (value: Json | undefined): value is Row =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function text(args: Row, field: string): string {
  const value = args[field];
  if (typeof value === "string" && value !== "" && Buffer.byteLength(value) <= KEY_BYTES_MAX) return value;
  throw new BadArgs(field, "is not a string of 1 to 400 bytes");
}

export function integer(args: Row, field: string, least: number): number {
  const value = args[field];
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw new BadArgs(field, `is not an integer from ${least} on`);
}

function optionalObject(args: Row, field: string): Row | undefined {
  const value = args[field] ?? undefined;
  if (value === undefined || isObject(value)) return value;
  throw new BadArgs(field, "is not an object");
}

export function list(args: Row, field: string): Row[] {
  const value = args[field];
  if (Array.isArray(value) && value.every(isObject)) return value as Row[];
  throw new BadArgs(field, "is not a list of objects");
}

export interface Line { sku: string; qty: number; gen: number; added: number; removed?: true; [field: string]: Json | undefined }

const isCoupon = (key: string): boolean => key.startsWith("&");

/** The line or tombstone under a key. */
function stored(rows: Rows, key: string): Line | undefined {
  return isCoupon(key) ? undefined : (rows.get("cart", key) as Line | undefined);
}

export function live(rows: Rows, key: string): Line | undefined {
  const line = stored(rows, key);
  return line && !line.removed ? { ...line } : undefined;
}

export function setQty(rows: Rows, key: string, line: Line, qty: number): void {
  const { quote, ...rest } = line;
  const gone = { ...rest, qty: 0, removed: true, removedAt: rows.now };
  rows.put("cart", key, (qty === 0 ? gone : { ...line, qty }) as Row);
}

/** Most pieces in a line of a product, and why not more. */
export function terms(rows: Rows, sku: string): { delisted: boolean; most: number; code: string } {
  const product = rows.get("catalog", sku) ?? {};
  let most = QTY_PER_LINE_MAX;
  if (Number.isInteger(product.maxQty) && (product.maxQty as number) >= 0) most = Math.min(most, product.maxQty as number);
  const stock = Number.isInteger(product.stock) ? Math.max(0, product.stock as number) : Infinity;
  return { delisted: product.delisted === true, most: Math.min(most, stock), code: stock <= most ? "stock" : "limit" };
}

function lineKey(sku: string, options: Row): string {
  const escape = (part: string): string =>
    part.replace(/[%?&=]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = Object.keys(options).sort().map((name) => `${escape(name)}=${escape(options[name] as string)}`);
  return escape(sku) + (pairs.length > 0 ? `?${pairs.join("&")}` : "");
}

function add(args: Row, rows: Rows): Verdict {
  const sku = text(args, "sku");
  const options = optionalObject(args, "options") ?? {};
  const values = Object.values(options);
  if (values.length > OPTIONS_MAX || !values.every((value) => typeof value === "string")) {
    throw new BadArgs("options", "are not strings, or too many");
  }
  const line = text(args, "line");
  if (line !== lineKey(sku, options)) throw new BadArgs("line", "is not the key of sku and options");
  const asked = integer(args, "qty", 1);
  const quote = optionalObject(args, "quote");
  if (quote && JSON.stringify(quote).length > QUOTE_BYTES_MAX) throw new BadArgs("quote", "is too long");
  const { delisted, most, code } = terms(rows, sku);
  if (delisted) return rejected("delisted", { line, sku });
  const before = stored(rows, line);
  const qty = before?.qty ?? 0;
  const got = Math.min(asked, Math.max(0, most - qty));
  if (got === 0) return adjusted(code, { line, sku, asked, got });
  const first = values.length > 0 ? { sku, options } : { sku };
  if (!makeLine(rows, line, { ...first, quote: quote ?? before?.quote }, qty + got, {})) {
    return rejected("cart_full", { line, sku, limit: CART_LINES_MAX });
  }
  return got < asked ? adjusted(code, { line, sku, asked, got }) : applied({ line, sku });
}

/** Gives a line so many pieces; a new one with sku, options and marks. Whether the cart had room. */
export function makeLine(rows: Rows, key: string, from: Partial<Line>, qty: number, marks: Partial<Line>): boolean {
  const line = live(rows, key);
  const isFull = rows.all("cart").filter(([other, row]) => !isCoupon(other) && !row.removed).length >= CART_LINES_MAX;
  if (!line && isFull) return false;
  const { gen = 0, added = 0 } = stored(rows, key) ?? {};
  const { sku, options, quote = line?.quote } = from;
  const { selected, saved } = line ?? marks;
  const next: Partial<Line> = {
    sku, ...(options && { options }), qty, gen: line ? gen : gen + 1, added: added + Math.max(0, qty - (line?.qty ?? 0)),
    ...(quote && { quote }), ...(selected === false && { selected }), ...(saved === true && { saved }),
  };
  if (qty > 0) rows.put("cart", key, next as Row);
  else setQty(rows, key, next as Line, 0);
  return true;
}

function adjust(args: Row, rows: Rows): Verdict {
  const key = text(args, "line");
  const by = integer(args, "by", -Number.MAX_SAFE_INTEGER);
  const line = live(rows, key);
  if (!line) return noop("line_gone", { line: key });
  const { most, code } = terms(rows, line.sku);
  const got = by < 0 ? -Math.min(-by, line.qty) : Math.min(by, Math.max(0, most - line.qty));
  if (got > 0) line.added += got;
  if (got !== 0) setQty(rows, key, line, line.qty + got);
  const detail = { line: key, sku: line.sku };
  return got === by ? applied(detail) : adjusted(by < 0 ? "below_zero" : code, { ...detail, asked: by, got });
}

function set(args: Row, rows: Rows): Verdict {
  const key = text(args, "line");
  const gen = integer(args, "gen", 0);
  const to = integer(args, "to", 0);
  const seen = integer(args, "seen", 0);
  const line = live(rows, key);
  if (!line) return noop("line_gone", { line: key });
  if (gen < line.gen) return noop("stale_gen", { line: key, sku: line.sku });
  const { most, code } = terms(rows, line.sku);
  const found = line.qty;
  const got = Math.min(to, most);
  if (got !== found) setQty(rows, key, line, got);
  const detail: Row = { line: key, sku: line.sku, ...(got < to && { asked: to, got }), ...(found !== seen && { found }) };
  return got < to ? adjusted(code, detail) : applied(detail);
}

/** A register of a line, which stands in the row only where it is not `usual`. */
function mark(args: Row, rows: Rows, field: string, usual: boolean): Verdict {
  const key = text(args, "line");
  const value = args[field];
  if (typeof value !== "boolean") throw new BadArgs(field, "is not a boolean");
  const line = live(rows, key);
  if (!line) return noop("line_gone", { line: key });
  if (((line[field] as boolean | undefined) ?? usual) !== value) {
    const { [field]: _, ...rest } = line;
    rows.put("cart", key, (value === usual ? rest : { ...rest, [field]: value }) as Row);
  }
  return applied({ line: key, sku: line.sku });
}

const seen = (args: Row) =>
  ({ key: text(args, "line"), gen: integer(args, "gen", 0), added: integer(args, "seenAdded", 0) });

/** What is left of a line that is removed: nothing was there, it is stale, or so many pieces are left. */
function take(rows: Rows, { key, gen, added }: ReturnType<typeof seen>): { line: Line; left: number; stale: boolean } | undefined {
  const line = live(rows, key);
  if (!line) return undefined;
  if (gen < line.gen) return { line, left: line.qty, stale: true };
  const left = Math.min(line.qty, Math.max(0, line.added - added));
  if (left !== line.qty) setQty(rows, key, line, left);
  return { line, left, stale: false };
}

function remove(args: Row, rows: Rows): Verdict {
  const what = seen(args);
  const taken = take(rows, what);
  if (!taken) return noop("line_gone", { line: what.key });
  const detail = { line: what.key, sku: taken.line.sku };
  if (taken.stale) return noop("stale_gen", detail);
  return taken.left > 0 ? adjusted("added_elsewhere", { ...detail, asked: 0, got: taken.left }) : applied(detail);
}

function clear(args: Row, rows: Rows): Verdict {
  const all = list(args, "lines").map(seen);
  if (all.length > CART_LINES_MAX) throw new BadArgs("lines", "holds more lines than a cart");
  const survivors: Row[] = [];
  let removed = false;
  for (const what of all) {
    const taken = take(rows, what);
    if (!taken) continue;
    if (taken.left > 0) survivors.push({ line: what.key, sku: taken.line.sku, got: taken.left });
    else removed = true;
  }
  if (survivors.length > 0) return adjusted("added_elsewhere", { lines: survivors });
  return removed ? applied({}) : noop("line_gone", {});
}

const CUT = "cut:";

function cutOf(rows: Rows, sku: string): number {
  return (rows.get("history", CUT + sku)?.cut as number | undefined) ?? 0;
}

function visit(args: Row, rows: Rows): Verdict {
  const key = text(args, "eventId");
  if (key.startsWith(CUT)) throw new BadArgs("eventId", "begins with cut:");
  const sku = text(args, "sku");
  const at = Math.min(integer(args, "at", 0), rows.now);
  const dwell = args.dwell === undefined || args.dwell === null ? 0 : integer(args, "dwell", 0);
  if (at < rows.now - HISTORY_AGE_MS_MAX) return noop("too_old", { sku });
  if (rows.get("history", key)) return noop("duplicate", { sku });
  if (at <= Math.max(cutOf(rows, ""), cutOf(rows, sku))) return noop("deleted", { sku });
  rows.put("history", key, { sku, at, dwell });
  dropOldest(rows, "at", HISTORY_VISITS_MAX);
  return applied({ sku });
}

function dropOldest(rows: Rows, field: "at" | "cut", most: number): void {
  const all = rows.all("history").filter(([, row]) => row[field] !== undefined);
  all.sort(([, a], [, b]) => (a[field] as number) - (b[field] as number));
  for (const [key] of all.slice(0, Math.max(0, all.length - most))) rows.put("history", key, null);
}

function forget(args: Row, rows: Rows): Verdict {
  const sku = args.sku === undefined ? "" : text(args, "sku");
  const until = Math.min(integer(args, "until", 0), rows.now);
  const detail: Row = sku ? { sku } : {};
  if (until <= cutOf(rows, sku)) return noop("deleted", detail);
  for (const [key, row] of rows.all("history")) {
    if ((row.at as number) <= until && (!sku || row.sku === sku)) rows.put("history", key, null);
  }
  rows.put("history", CUT + sku, { cut: until, ...detail });
  dropOldest(rows, "cut", HISTORY_CUTS_MAX);
  return applied(detail);
}

function erase(rows: Rows): Verdict {
  for (const name of rows.store.written(rows.shopper)) {
    for (const [key] of rows.all(name)) rows.put(name, key, null);
  }
  rows.put("history", CUT, { cut: rows.now });
  return applied({});
}

const RULES: Record<string, (args: Row, rows: Rows) => Verdict> = {
  "cart.add": add,
  "cart.adjust": adjust,
  "cart.setQty": set,
  "cart.select": (args, rows) => mark(args, rows, "selected", true),
  "cart.saveForLater": (args, rows) => mark(args, rows, "saved", false),
  "cart.remove": remove,
  "cart.clear": clear,
  "cart.coupon": coupon,
  "cart.claim": claim,
  "history.visit": visit,
  "history.delete": forget,
  "order.submit": submit,
  "order.cancel": cancel,
  "shopper.erase": (_, rows) => erase(rows),
  "row.put": own.put,
  "row.delete": own.remove,
  "row.add": own.add,
};

/** Executes a mutation. A rejected one has written nothing. */
export function execute(name: string, v: number, args: Json, rows: Rows): Verdict {
  const rule = v === 1 ? RULES[name] : undefined;
  if (!rule) return rejected("unknown_mutation");
  if (name.startsWith("cart.") && rows.store.claims.has(rows.shopper)) return rejected("claimed");
  try {
    return rule(isObject(args) ? args : {}, rows);
  } catch (error) {
    if (error instanceof BadArgs) return rejected("bad_args", { field: error.field, why: error.why });
    throw error;
  }
}
