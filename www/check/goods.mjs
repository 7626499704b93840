// Which products the walk uses, chosen from what the server sells: the check runs with any catalogue.

const PLENTY = 8 // What the walk puts in the cart of one product, with some to spare.
const ASK_MAX = 95 // The page's stepper ends at 99.

/** Products for each part of the walk, or an error that says what the catalogue lacks. */
export function choose(products) {
  const sold = products.filter(
    (one) => one.delisted !== true && Number.isInteger(one.price) && typeof one.category === 'string',
  )
  const plenty = sold.filter((one) => one.stock === undefined || one.stock >= PLENTY)
  const short = sold
    .filter((one) => one.stock >= 1 && one.stock <= ASK_MAX)
    .sort((one, other) => one.stock - other.stock || (one.id < other.id ? -1 : 1))[0]
  const [first, second, third] = plenty.filter((one) => one !== short)
  if (!third) throw new Error('the catalogue has fewer than three products with a price, a category and a stock')
  if (!short) throw new Error(`the catalogue has no product with a stock from 1 to ${ASK_MAX}`)
  return { first, second, third, short, category: widest(sold) }
}

/** The category with the most prices, and its products by price, cheapest first. */
function widest(sold) {
  const groups = group(sold)
  const [name, members] = [...groups].sort(([, one], [, other]) => other.length - one.length)[0]
  return { name, members: [...members].sort((one, other) => one.price - other.price) }
}

function group(sold) {
  const groups = new Map()
  for (const one of sold) groups.set(one.category, [...(groups.get(one.category) ?? []), one])
  return groups
}

/** The line of a product added without choosing among its colours: the first one, where there are several. */
export function lineKey(product) {
  const colors = (Array.isArray(product.colors) ? product.colors : []).filter((color) =>
    /^#[0-9a-f]{6}$/i.test(String(color)),
  )
  const escape = (text) =>
    text.replaceAll('%', '%25').replaceAll('?', '%3F').replaceAll('&', '%26').replaceAll('=', '%3D')
  return colors.length > 1 ? `${escape(product.id)}?color=${escape(colors[0])}` : escape(product.id)
}
