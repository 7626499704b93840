// A worker of any kind with a shop in it. It answers on the port that comes with a message.
import { open } from '/package/pannier.js'

let shop

const work = {
  open: async () => (shop = await open({ name: 'places' })) && true,
  add: (sku) => shop.cart.add({ sku }).durable,
  put: (id) => shop.catalog.put({ id, category: 'places', price: 1 }).durable,
  read: async () => (await shop.cart.read()).lines.map(({ sku, qty }) => [sku, qty]).sort(),
  get: (id) => shop.catalog.get(id),
  close: () => shop.close(),
}

const hear = ({ data: [name, argument], ports: [port] }) => {
  work[name](argument).then(
    (value) => port.postMessage({ value }),
    (error) => port.postMessage({ error: String(error) }),
  )
}

self.onmessage = hear
self.onconnect = ({ ports: [port] }) => (port.onmessage = hear)
