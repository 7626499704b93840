// The lines of a cart.

import type { Row, Rows } from "./store.ts";
import {
  adjusted, applied, boolean, count, fields, from, kind, list, noop, object, optional, rejected, rule, text, wrong,
  type Kinds, type Rule, type Values, type Verdict,
} from "./rule.ts";

const CART_LINES_MAX = 500;
const QTY_PER_LINE_MAX = 9999;
const OPTIONS_MAX = 16;
export const COUPONS_MAX = 10;

const options = kind<Row>("an object of at most 16 strings", (value) => {
  const all = Object.values(object().is(value) ? value : { none: null });
  return all.length <= OPTIONS_MAX && all.every((one) => typeof one === "string");
});
const quote = object(1024);
const mayBe = optional(boolean, undefined);
type Key = { line: string };
const SEEN = { line: text, gen: count, seenAdded: count };

/** A line as it is stored under its key, or the tombstone of a removed one. */
export const LINE = {
  sku: text, options: optional(options, undefined), qty: count, gen: count, added: count,
  quote: optional(quote, undefined), selected: mayBe, saved: mayBe, removed: mayBe,
};
export type Line = Values<typeof LINE>;

/** The line or tombstone under a key; coupons stand among the lines. */
const stored = (rows: Rows, key: string): Line | undefined =>
  key.startsWith("&") ? undefined : rows.get<Line>("cart", key);

/** Whether a cart has as many coupons as it may have. */
export const hasAllCoupons = (rows: Rows) => rows.all("cart").filter(([key]) => key[0] === "&").length >= COUPONS_MAX;

export function live(rows: Rows, key: string): Line | undefined {
  const line = stored(rows, key);
  return line?.removed ? undefined : line;
}

export function setQty(rows: Rows, key: string, line: Line, qty: number): void {
  const { quote, ...rest } = line;
  rows.put("cart", key, qty > 0 ? { ...line, qty } : { ...rest, qty, removed: true, removedAt: rows.now });
}

/** Gives a line so many pieces, or makes one from `wanted`. Whether the cart had room. */
export function makeLine(rows: Rows, key: string, wanted: Partial<Line>, qty: number): boolean {
  const line = live(rows, key);
  const isFull = rows.all("cart").filter(([other]) => live(rows, other)).length >= CART_LINES_MAX;
  if (!line && isFull) return false;
  const { gen = 0, added = 0 } = stored(rows, key) ?? {};
  const next = line ? { ...line, quote: wanted.quote ?? line.quote } : { ...(wanted as Line), gen: gen + 1 };
  setQty(rows, key, { ...next, added: added + Math.max(0, qty - (line?.qty ?? 0)) }, qty);
  return true;
}

/** How many pieces there are of a product. */
export function stockOf(rows: Rows, sku: string): number {
  const stock = rows.get("catalog", sku)?.stock;
  return Number.isInteger(stock) ? Math.max(0, stock as number) : Infinity;
}

/** Most pieces in a line of a product, and why not more. */
export function terms(rows: Rows, sku: string): { delisted: boolean; most: number; code: string } {
  const { delisted, maxQty } = rows.get("catalog", sku) ?? {};
  const [limit, stock] = [Math.min(QTY_PER_LINE_MAX, count.is(maxQty) ? maxQty : Infinity), stockOf(rows, sku)];
  return { delisted: delisted === true, most: Math.min(limit, stock), code: stock <= limit ? "stock" : "limit" };
}

function lineKey(sku: string, options: Row): string {
  const escape = (part: string): string =>
    part.replace(/[%?&=]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = Object.keys(options).sort().map((name) => `${escape(name)}=${escape(options[name] as string)}`);
  return escape(sku) + (pairs.length > 0 ? `?${pairs.join("&")}` : "");
}

/** A rule for a line that is there. */
const onLine = <K extends Kinds>(kinds: K, run: (args: Values<K> & Key, line: Line, rows: Rows) => Verdict): Rule =>
  rule({ line: text, ...kinds }, (args, rows) => {
    const { line: key } = args as Key;
    const line = live(rows, key);
    const verdict = line ? run(args as Values<K> & Key, line, rows) : noop("line_gone");
    return { ...verdict, detail: { line: key, ...(line && { sku: line.sku }), ...verdict.detail } };
  });

/** A register of a line, which stands in the row only where it is not `usual`. */
const mark = (field: "selected" | "saved", usual: boolean): Rule =>
  onLine({ [field]: boolean }, (args, line, rows) => {
    const { [field]: before = usual, ...rest } = line;
    const value = (args as Row)[field];
    if (before !== value) rows.put("cart", args.line, value === usual ? rest : { ...rest, [field]: value });
    return applied();
  });

/** How many pieces are left of a line that is removed: those that its remover had not seen. */
function take({ line: key, gen, seenAdded }: Values<typeof SEEN>, line: Line, rows: Rows): number {
  if (gen < line.gen) return line.qty;
  const left = Math.min(line.qty, Math.max(0, line.added - seenAdded));
  if (left !== line.qty) setQty(rows, key, line, left);
  return left;
}

export const RULES = {
  "cart.add": rule(
    { sku: text, line: text, qty: from(1), options: optional(options, {}), quote: optional(quote, undefined) },
    ({ sku, line, qty: asked, options, quote }, rows) => {
      if (line !== lineKey(sku, options)) throw wrong("line", "is not the key of sku and options");
      const { delisted, most, code } = terms(rows, sku);
      if (delisted) return rejected("delisted", { line, sku });
      const before = live(rows, line)?.qty ?? 0;
      const got = Math.min(asked, Math.max(0, most - before));
      if (got === 0) return adjusted(code, { line, sku, asked, got });
      const wanted = { sku, ...(Object.keys(options).length > 0 && { options }), quote };
      const isMade = makeLine(rows, line, wanted, before + got);
      if (!isMade) return rejected("cart_full", { line, sku, limit: CART_LINES_MAX });
      return got < asked ? adjusted(code, { line, sku, asked, got }) : applied({ line, sku });
    }),
  "cart.adjust": onLine({ by: from(-Number.MAX_SAFE_INTEGER) }, ({ line: key, by }, line, rows) => {
    const { most, code } = terms(rows, line.sku);
    const got = by < 0 ? -Math.min(-by, line.qty) : Math.min(by, Math.max(0, most - line.qty));
    if (got !== 0) setQty(rows, key, { ...line, added: line.added + Math.max(0, got) }, line.qty + got);
    return got === by ? applied() : adjusted(by < 0 ? "below_zero" : code, { asked: by, got });
  }),
  "cart.setQty": onLine({ gen: count, to: count, seen: count }, ({ line: key, gen, to, seen }, line, rows) => {
    if (gen < line.gen) return noop("stale_gen");
    const { most, code } = terms(rows, line.sku);
    const got = Math.min(to, most);
    if (got !== line.qty) setQty(rows, key, line, got);
    const found = line.qty === seen ? {} : { found: line.qty };
    return got < to ? adjusted(code, { asked: to, got, ...found }) : applied(found);
  }),
  "cart.select": mark("selected", true),
  "cart.saveForLater": mark("saved", false),
  "cart.remove": onLine(SEEN, (seen, line, rows) => {
    if (seen.gen < line.gen) return noop("stale_gen");
    const got = take(seen, line, rows);
    return got > 0 ? adjusted("added_elsewhere", { asked: 0, got }) : applied();
  }),
  "cart.clear": rule({ lines: list(CART_LINES_MAX) }, ({ lines }, rows) => {
    const found = lines.map((row) => fields(row, SEEN)).flatMap((seen) => {
      const line = live(rows, seen.line);
      return line ? [{ line: seen.line, sku: line.sku, got: take(seen, line, rows) }] : [];
    });
    const left = found.filter(({ got }) => got > 0);
    if (left.length > 0) return adjusted("added_elsewhere", { lines: left });
    return found.length > 0 ? applied() : noop("line_gone");
  }),
};
