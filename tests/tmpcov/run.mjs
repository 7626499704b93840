import { writeFileSync, readFileSync } from 'node:fs'
import { launch } from '../drive/index.mjs'
import { makeSite } from '../browser/package.mjs'
import { startServer } from '../browser/server.mjs'
const products = Array.from({ length: 300 }, (_, i) => ({ id: `P${i}`, name: `Product ${i} é`, brand: `B${i % 7}`, category: ['shoes', 'hats'][i % 2], price: 100 + i, currency: 'EUR', version: 1 }))
const server = await startServer({ products })
const site = await makeSite(), origin = await site.origin()
const context = await launch()
await context.route('**/pannier_columns.wasm', r => r.fulfill({ body: readFileSync('/tmp/sp/cov/bg.wasm'), contentType: 'application/wasm' }))
const hit = new Set()
async function page() {
  const p = await context.newPage()
  p.on('pageerror', e => console.log('pageerror', String(e).slice(0, 300)))
  await p.addInitScript(() => {
    const i = WebAssembly.instantiate
    WebAssembly.instantiate = async (a, b) => { const r = await i(a, b); const inst = r.instance ?? r; if (inst.exports.c0) globalThis.inst = inst; return r }
  })
  await p.coverage.startJSCoverage({ resetOnNavigation: false })
  await p.goto(origin)
  await p.evaluate(async ({ products, url, token }) => {
    const { open } = await import('/package/pannier.js')
    globalThis.products = products
    globalThis.shop = await open({ name: 'acme', catalog: { indexes: { byBrand: ['brand'], byCategoryPrice: ['category','price'] } }, sync: { url: `${url}/v1`, token: () => token, scopes: ['cart', 'history'] } })
    shop.cart.subscribe(c => (globalThis.cart = c))
    shop.on('outcome', o => (globalThis.outs ??= []).push(o))
  }, { products, url: server.url, token: server.token })
  return p
}
const used = {}
let text
async function collect(p) {
  for (const e of await p.coverage.stopJSCoverage()) if (e.url.endsWith('/package/pannier.js')) {
    text = e.source; const c = new Int32Array(text.length).fill(-1)
    const rs = e.functions.flatMap(f => f.ranges).sort((a, b) => (b.endOffset - b.startOffset) - (a.endOffset - a.startOffset))
    for (const r of rs) c.fill(r.count ? 1 : 0, r.startOffset, r.endOffset)
    for (let i = 0; i < c.length; i++) if (c[i] > 0) used[i] = 1
  }
  await p.coverage.startJSCoverage({ resetOnNavigation: false })

  for (const i of await p.evaluate(() => Object.entries(inst.exports).filter(([k, v]) => /^c\d+$/.test(k) && v.value).map(([k]) => +k.slice(1)))) hit.add(i)
  console.log('hit', hit.size)
}
let p = await page()
console.log(await p.evaluate(async () => {
  await shop.sync.now()
  await shop.catalog.putMany(products).durable
  const q = await shop.catalog.query('byBrand', { gte: ['B1'], lte: ['B1'], limit: 20 })
  const r = await shop.catalog.query('byCategoryPrice', { gte: ['shoes'], limit: 24, reverse: true })
  const one = await shop.catalog.get('P7')
  await shop.catalog.put({ ...one, price: 5, version: 2 }).durable
  for (let i = 0; i < 20; i++) await shop.history.visit({ sku: `P${i * 3}` }).durable
  const rec = await shop.history.recent(10)
  await shop.cart.add({ sku: 'P1', qty: 1 }).durable
  shop.cart.add({ sku: 'P2', qty: 2 })
  await shop.cart.add({ sku: 'P3', qty: 2, variant: undefined }).durable
  const line = Object.values((await shop.cart.get?.() ?? cart).lines)[0]
  console.log(JSON.stringify(line))
  await shop.cart.adjust(line.line, 1).durable
  await shop.cart.setQty(line.line, 5).durable
  await shop.sync.now()
  await shop.cart.remove(line.line).durable
  await shop.sync.now()
  for (let i = 0; i < 300; i++) shop.cart.adjust(cart.lines.at(-1).line, 1)
  await shop.flush()
  return { q: q.length, r: r.length, rec: rec.length, cart: cart.lines.length }
}))
await new Promise(d => setTimeout(d, 1500))
await p.evaluate(() => shop.flush())
await collect(p)
// second tab
let p2 = await page()
await p2.evaluate(async () => { await shop.cart.add({ sku: 'P9', qty: 1 }).durable; await shop.sync.now() })
await p.evaluate(async () => { await shop.cart.add({ sku: 'P10', qty: 1 }).durable; await shop.sync.now(); await shop.flush() })
await collect(p); await collect(p2)
await p.close(); await p2.close()
// other device
const other = await launch({})
// reload
p = await page()
console.log(await p.evaluate(async () => {
  for (let i = 0; i < 15; i++) await shop.history.visit({ sku: `P${i * 4}` }).durable
  await shop.cart.setQty(cart.lines[0].line, 3).confirmed
  const rows = await shop.catalog.query('byCategoryPrice', { gte: ['hats'], limit: 24 })
  await shop.catalog.putMany(products.slice(0, 24).map(p => ({ ...p, version: 3, price: 7 }))).durable
  await shop.flush()
  return [cart.lines.length, rows.length]
}))
await new Promise(d => setTimeout(d, 1500))
await collect(p)
await context.close(); await other.close(); await site.close(); await server.close()
writeFileSync('/tmp/sp/cov/hit.json', JSON.stringify([...hit]))
const out = []; let i = 0
while (i < text.length) { let j = i; while (j < text.length && !used[j]) j++; if (j > i) { out.push([j - i, i, text.slice(i, j)]); i = j } else i++ }
console.log('unused', out.reduce((a, b) => a + b[0], 0), 'of', text.length)
writeFileSync('/tmp/sp/cov/js.json', JSON.stringify(out))
process.exit()
