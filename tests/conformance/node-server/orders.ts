// Coupons and orders, decided by the imported catalog.

import { type Row, type Rows } from "./store.ts";
import { BadArgs, applied, integer, list, live, noop, rejected, setQty, text, type Verdict } from "./rules.ts";

const COUPONS_MAX = 10;
const ORDER_LINES_MAX = 500;
const ORDER_BYTES_MAX = 65536;
const PRICE_GRACE_MS = 30 * 60 * 1000;

export function coupon(args: Row, rows: Rows): Verdict {
  const code = text(args, "code");
  const key = `&${code}`;
  const detail = { coupon: code };
  const before = rows.get("cart", key);
  if (args.remove === true) {
    if (!before) return noop("coupon_gone", detail);
    rows.put("cart", key, null);
    return applied(detail);
  }
  const count = rows.all("cart").filter(([other]) => other.startsWith("&")).length;
  if (!before && count >= COUPONS_MAX) return rejected("coupons_full", { ...detail, limit: COUPONS_MAX });
  const terms = rows.store.coupons.get(code);
  if (!terms) return rejected("unknown_coupon", detail);
  if (Number.isInteger(terms.until) && (terms.until as number) <= rows.now) {
    return rejected("coupon_expired", { ...detail, until: terms.until });
  }
  rows.put("cart", key, { coupon: code, terms });
  return applied(detail);
}

interface OrderLine { sku: string; qty: number; price: number; line?: string }

function orderLines(args: Row): OrderLine[] {
  const lines = list(args, "lines");
  if (lines.length === 0 || lines.length > ORDER_LINES_MAX || JSON.stringify(lines).length > ORDER_BYTES_MAX) {
    throw new BadArgs("lines", "holds none, or too much");
  }
  return lines.map((line) => {
    const found = { sku: text(line, "sku"), qty: integer(line, "qty", 1), price: integer(line, "price", 0) };
    return typeof line.line === "string" ? { ...found, line: line.line } : found;
  });
}

/** Why the shop does not take an order; undefined where it does. */
function refusal(lines: OrderLine[], rows: Rows): { code: string; detail: Row } | undefined {
  const wanted = new Map<string, number>();
  for (const { sku, qty } of lines) wanted.set(sku, (wanted.get(sku) ?? 0) + qty);
  const product = (sku: string): Row => rows.get("catalog", sku) ?? {};
  const skus = [...wanted.keys()];
  const missing = skus.filter((sku) => !rows.get("catalog", sku));
  const known = skus.filter((sku) => !missing.includes(sku));
  const holds = ({ sku, price }: OrderLine): boolean =>
    product(sku).price === price ||
    (rows.store.prices.get(sku) ?? []).some((old) => old.price === price && rows.now < old.until + PRICE_GRACE_MS);
  const left = (sku: string): number =>
    Number.isInteger(product(sku).stock) ? Math.max(0, product(sku).stock as number) : Infinity;
  const found: [string, Row[]][] = [
    ["unknown_product", missing.map((sku) => ({ sku }))],
    ["delisted", known.filter((sku) => product(sku).delisted === true).map((sku) => ({ sku }))],
    ["price_changed", lines.filter((line) => known.includes(line.sku) && !holds(line))
      .map(({ sku }) => ({ sku, price: product(sku).price ?? null }))],
    ["out_of_stock", known.filter((sku) => left(sku) < wanted.get(sku)!)
      .map((sku) => ({ sku, asked: wanted.get(sku)!, got: left(sku) }))],
  ];
  const first = found.find(([, all]) => all.length > 0);
  return first && { code: first[0], detail: { lines: first[1] } };
}

function moveStock(rows: Rows, sku: string, by: number): void {
  const product = rows.get("catalog", sku);
  if (product && Number.isInteger(product.stock)) {
    const version = ((product.version as number | undefined) ?? 0) + 1;
    rows.put("catalog", sku, { ...product, stock: (product.stock as number) + by, version });
  }
}

export function submit(args: Row, rows: Rows): Verdict {
  const key = text(args, "orderId");
  const attempt = integer(args, "attempt", 1);
  const lines = orderLines(args);
  const detail = { orderId: key, attempt };
  const { attempts } = rows.store;
  const said = (code: string, why: Row): Verdict =>
    code === "created"
      ? { status: "applied", code, detail: { ...why, ...detail } }
      : rejected(code, { ...detail, ...why });
  const before = attempts.get(key);
  const asText = JSON.stringify(args.lines);
  if (before) {
    const isOther = before.shopper !== rows.shopper || (before.attempt === attempt && before.lines !== asText);
    if (isOther) return rejected("mismatch", detail);
    if (before.attempt === attempt) return said(before.code, before.detail);
    if (before.code === "created") return rejected("already_created", { ...detail, placed: before.attempt });
    if (attempt < before.attempt) return rejected("old_attempt", { ...detail, placed: before.attempt });
  }
  const refused = rows.validFor === 0 ? { code: "expired", detail: {} } : refusal(lines, rows);
  const remembered = refused ?? { code: "created", detail: {} };
  attempts.set(key, { shopper: rows.shopper, attempt, lines: asText, ...remembered });
  if (refused) return said(refused.code, refused.detail);
  for (const { sku, qty } of lines) moveStock(rows, sku, -qty);
  rows.put("orders", key, { attempt, state: "created", version: 1, at: rows.now, decided: {}, lines: args.lines });
  for (const { line: from, qty } of lines) {
    const line = from === undefined ? undefined : live(rows, from);
    if (line) setQty(rows, from!, line, Math.max(0, line.qty - qty));
  }
  return said("created", {});
}

export function cancel(args: Row, rows: Rows): Verdict {
  const orderId = text(args, "orderId");
  const version = integer(args, "version", 1);
  const order = rows.get("orders", orderId);
  if (!order) return noop("unknown_order", { orderId });
  if (order.version !== version) return rejected("version", { orderId, found: order.version, state: order.state });
  for (const { sku, qty } of orderLines(order)) moveStock(rows, sku, qty);
  rows.put("orders", orderId, { ...order, state: "cancelled", version: version + 1 });
  return applied({ orderId, version: version + 1 });
}
