// At sign-in the cart of an anonymous shopper becomes the shopper's.

import { Rows, type Row } from "./store.ts";
import { adjusted, applied, fields, kind, list, noop, optional, rejected, rule, string, text } from "./rule.ts";
import { LINE, hasAllCoupons, live, makeLine, terms, type Line } from "./cart.ts";

const POLICIES: Record<string, (own: number, guest: number) => number> = {
  max: Math.max,
  ask: Math.max,
  add: (own, guest) => own + guest,
  guest: (_, guest) => guest,
  user: (own) => own,
};
const policyName = kind<string>("max, add, guest, user or ask", (value) => Object.hasOwn(POLICIES, value as string));

/** Merges one line; tells where it was held to a limit. */
function merge(rows: Rows, line: string, guest: Line, policy: string): Row[] {
  const before = live(rows, line);
  const own = before?.qty ?? 0;
  const asked = own === 0 ? guest.qty : POLICIES[policy]!(own, guest.qty);
  const { delisted, most, code } = terms(rows, guest.sku);
  const got = delisted ? own : Math.min(asked, Math.max(most, own));
  const hasRoom = got === own || makeLine(rows, line, { ...guest, quote: before?.quote ?? guest.quote }, got);
  const [left, why] = hasRoom ? [got, delisted ? "delisted" : code] : [own, "cart_full"];
  return left < asked ? [{ line, sku: guest.sku, asked, got: left, code: why }] : [];
}

const ARGS = { anonymous: text, secret: string, policy: optional(policyName, "max"), lines: list() };

export const RULES = { "cart.claim": rule(ARGS, ({ anonymous, secret, policy, lines }, rows) => {
  const merged = new Map(lines.map((row) => [fields(row, { line: text }).line, fields(row, LINE)]));
  const { claims, isSecret } = rows.store;
  const known = claims.get(anonymous);
  if (known) return known.shopper === rows.shopper ? known.verdict : rejected("claimed");
  const isTheirs = anonymous.startsWith("anon-") && anonymous !== rows.shopper && isSecret(anonymous, secret);
  if (!isTheirs) return rejected("wrong_secret");
  const source = new Rows(rows.store, anonymous, rows.now);
  const cart = source.all<Line>("cart");
  for (const [key, row] of cart) {
    // Edits that were not sent are in the line that was handed over.
    const wasSeen = (merged.get(key)?.added ?? -1) >= row.added;
    if (!key.startsWith("&") && !wasSeen) merged.set(key, row);
  }
  const all = [...merged].filter(([, line]) => !line.removed);
  const differ = all.flatMap(([line, { sku, qty: guest }]): Row[] => {
    const own = live(rows, line)?.qty ?? guest;
    return own === guest ? [] : [{ line, sku, own, guest }];
  });
  if (policy === "ask" && differ.length > 0) return noop("ask", { lines: differ });
  const held = all.flatMap(([line, guest]) => merge(rows, line, guest, policy));
  for (const [key, row] of cart) {
    if (key.startsWith("&") && !rows.get("cart", key) && !hasAllCoupons(rows)) rows.put("cart", key, row);
    source.put("cart", key, null);
  }
  const verdict = held.length > 0 ? adjusted("held", { lines: held }) : applied({ lines: all.length });
  claims.set(anonymous, { shopper: rows.shopper, verdict });
  return verdict;
}) };
