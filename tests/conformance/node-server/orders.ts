// Coupons and orders, decided by the imported catalog.

import type { Row, Rows } from "./store.ts";
import {
  applied, boolean, count, fields, from, list, noop, optional, rejected, rule, string, text, wrong,
  type Values, type Verdict,
} from "./rule.ts";
import { COUPONS_MAX, hasAllCoupons, live, setQty, stockOf } from "./cart.ts";

const ORDER_LINES_MAX = 500;
const ORDER_BYTES_MAX = 65536;
const PRICE_GRACE_MS = 30 * 60 * 1000;
const ATTEMPT = { orderId: text, attempt: from(1) };
const ORDER_LINE = { sku: text, qty: from(1), price: count, line: optional(string, "") };

/** Whether the shop takes an order, or why not. */
function decide(lines: Values<typeof ORDER_LINE>[], rows: Rows): [code: string, detail: Row] {
  const wanted = new Map<string, number>();
  for (const { sku, qty } of lines) wanted.set(sku, (wanted.get(sku) ?? 0) + qty);
  const [skus, product] = [[...wanted.keys()], (sku: string) => rows.get("catalog", sku)];
  const holds = (sku: string, price: number): boolean =>
    rows.store.prices.get(sku)!.some((one) => one.price === price && rows.now < one.until + PRICE_GRACE_MS);
  const reasons: [string, Row[]][] = [
    ["unknown_product", skus.filter((sku) => !product(sku)).map((sku) => ({ sku }))],
    ["delisted", skus.filter((sku) => product(sku)?.delisted === true).map((sku) => ({ sku }))],
    ["price_changed", lines.filter(({ sku, price }) => product(sku) && !holds(sku, price))
      .map(({ sku }) => ({ sku, price: product(sku)?.price ?? null }))],
    ["out_of_stock", skus.filter((sku) => stockOf(rows, sku) < wanted.get(sku)!)
      .map((sku) => ({ sku, asked: wanted.get(sku)!, got: stockOf(rows, sku) }))],
  ];
  const [code, found] = reasons.find(([, found]) => found.length > 0) ?? ["created"];
  return [code, found ? { lines: found } : {}];
}

function moveStock(rows: Rows, sku: string, by: number): void {
  const product = rows.get<{ stock?: number; version?: number }>("catalog", sku);
  if (!Number.isInteger(product?.stock)) return;
  rows.put("catalog", sku, { ...product, stock: product!.stock! + by, version: (product!.version ?? 0) + 1 });
}

export const RULES = {
  "cart.coupon": rule({ code: text, remove: optional(boolean, false) }, ({ code, remove }, rows) => {
    const [key, detail, terms] = [`&${code}`, { coupon: code }, rows.store.coupons.get(code)];
    const before = rows.get("cart", key);
    if (remove && !before) return noop("coupon_gone", detail);
    if (!remove) {
      if (!before && hasAllCoupons(rows)) return rejected("coupons_full", { ...detail, limit: COUPONS_MAX });
      if (!terms) return rejected("unknown_coupon", detail);
      const isPast = Number.isInteger(terms.until) && (terms.until as number) <= rows.now;
      if (isPast) return rejected("coupon_expired", { ...detail, until: terms.until });
    }
    rows.put("cart", key, remove ? null : { coupon: code, terms });
    return applied(detail);
  }),
  "order.submit": rule({ ...ATTEMPT, lines: list(ORDER_LINES_MAX) }, ({ lines: sent, ...detail }, rows) => {
    const [{ orderId, attempt }, { attempts }, asText] = [detail, rows.store, JSON.stringify(sent)];
    if (sent.length === 0 || asText.length > ORDER_BYTES_MAX) throw wrong("lines", "holds none, or too much");
    const lines = sent.map((line) => fields(line, ORDER_LINE));
    const before = attempts.get(orderId);
    const said = (code: string, why: Row): Verdict =>
      ({ ...rejected(code, { ...detail, ...why }), ...(code === "created" && { status: "applied" }) });
    if (before) {
      const isAgain = before.attempt === attempt;
      const isOther = before.shopper !== rows.shopper || (isAgain && before.lines !== asText);
      if (isOther) return rejected("mismatch", detail);
      if (isAgain) return said(before.code, before.detail);
      if (before.code === "created") return rejected("already_created", { ...detail, placed: before.attempt });
      if (attempt < before.attempt) return rejected("old_attempt", { ...detail, placed: before.attempt });
    }
    const [code, why] = rows.mutation?.valid_for === 0 ? ["expired", {}] : decide(lines, rows);
    attempts.set(orderId, { shopper: rows.shopper, attempt, lines: asText, code, detail: why });
    if (code !== "created") return said(code, why);
    rows.put("orders", orderId, { attempt, state: code, version: 1, at: rows.now, decided: {}, lines: sent });
    for (const { sku, qty, line: from } of lines) {
      moveStock(rows, sku, -qty);
      const line = live(rows, from);
      if (line) setQty(rows, from, line, Math.max(0, line.qty - qty));
    }
    return said(code, why);
  }),
  "order.cancel": rule({ orderId: text, version: from(1) }, ({ orderId, version }, rows) => {
    const order = rows.get("orders", orderId);
    if (!order) return noop("unknown_order", { orderId });
    if (order.version !== version) return rejected("version", { orderId, found: order.version, state: order.state });
    if (order.state === "cancelled") return noop("cancelled", { orderId });
    for (const { sku, qty } of order.lines as Values<typeof ORDER_LINE>[]) moveStock(rows, sku, qty);
    rows.put("orders", orderId, { ...order, state: "cancelled", version: version + 1 });
    return applied({ orderId, version: version + 1 });
  }),
};
