// Writes to a store in memory, reads it back, and leaves what it read to the test.
import { open } from 'pannier'

async function writeAndRead() {
  const shop = await open({ name: 'page', store: 'memory' })
  await shop.catalog.putMany([
    { id: 'A1', category: 'shoes', price: 1999, title: 'Läufer 跑鞋' },
    { id: 'A2', category: 'shoes', price: 5999, title: 'Boot' },
  ]).durable
  await shop.cart.add({ sku: 'A1', qty: 2, quote: { price: 1999, currency: 'EUR' } }).durable
  const product = await shop.catalog.get('A1')
  const cheap = await shop.catalog.query('byCategoryPrice', { gte: ['shoes', 0], lt: ['shoes', 5000] })
  const { lines, count } = await shop.cart.read()
  // What listens is loaded now.
  const live = await new Promise(resolve => shop.catalog.subscribe({ key: 'A2' }, ({ rows }) => resolve(rows[0]?.title)))
  await shop.close()
  return { title: product?.title, cheap: cheap.map(found => found.id), skus: lines.map(line => line.sku), count, live }
}

globalThis.result = writeAndRead()
