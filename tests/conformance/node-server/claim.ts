// At sign-in the cart of an anonymous shopper becomes the shopper's.

import { Rows, type Row } from "./store.ts";
import {
  BadArgs, adjusted, applied, list, live, makeLine, noop, rejected, terms, text, type Line, type Verdict,
} from "./rules.ts";

const POLICIES: Record<string, (own: number, guest: number) => number> = {
  max: Math.max,
  ask: Math.max,
  add: (own, guest) => own + guest,
  guest: (_, guest) => guest,
  user: (own) => own,
};

export function claim(args: Row, rows: Rows): Verdict {
  const anonymous = text(args, "anonymous");
  if (typeof args.secret !== "string") throw new BadArgs("secret", "is not a string");
  const policy = (args.policy ?? "max") as string;
  const quantity = POLICIES[policy];
  if (!quantity) throw new BadArgs("policy", "is not max, add, guest, user or ask");
  const lines = new Map(list(args, "lines").map(({ line, ...row }) => [line as string, row as Line]));
  const { claims, isSecret } = rows.store;
  const known = claims.get(anonymous);
  if (known) return known.shopper === rows.shopper ? known.verdict : rejected("claimed");
  if (!anonymous.startsWith("anon-") || anonymous === rows.shopper || !isSecret(anonymous, args.secret)) {
    return rejected("wrong_secret");
  }
  const source = new Rows(rows.store, anonymous, rows.now);
  const cart = source.all("cart");
  for (const [key, row] of cart) {
    const handed = lines.get(key);
    if (!row.coupon && !(handed && handed.added >= (row.added as number))) lines.set(key, row as Line);
  }
  const all = [...lines].filter(([, line]) => !line.removed);
  const differ = all.flatMap(([line, { sku, qty: guest }]): Row[] => {
    const own = live(rows, line)?.qty ?? guest;
    return own === guest ? [] : [{ line, sku, own, guest }];
  });
  if (policy === "ask" && differ.length > 0) return noop("ask", { lines: differ });
  const held = all.flatMap(([line, guest]): Row[] => {
    const own = live(rows, line)?.qty ?? 0;
    const asked = own === 0 ? guest.qty : quantity(own, guest.qty);
    const { delisted, most, code } = terms(rows, guest.sku);
    const got = delisted ? own : Math.min(asked, Math.max(most, own));
    const isFull = got === own || makeLine(rows, line, guest, got, guest);
    if (isFull && got < asked) return [{ line, sku: guest.sku, asked, got, code: delisted ? "delisted" : code }];
    return isFull ? [] : [{ line, sku: guest.sku, asked, got: own, code: "cart_full" }];
  });
  for (const [key, row] of cart) {
    if (row.coupon && !rows.get("cart", key)) rows.put("cart", key, row);
    source.put("cart", key, null);
  }
  const verdict = held.length > 0 ? adjusted("held", { lines: held }) : applied({ lines: all.length });
  claims.set(anonymous, { shopper: rows.shopper, verdict });
  return verdict;
}
