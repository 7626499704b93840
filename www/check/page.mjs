// What the walk does with a page: every wait is for something that the page shows.

/** Waits for the shop to report this state of its connection. */
export const connection = (page, state) => page.waitForSelector(`html[data-sync="${state}"]`, { state: 'attached' })

/** Waits until nothing is left to send. */
export const allSent = (page) =>
  page.waitForSelector('html[data-sync="saved"][data-pending="0"]', { state: 'attached' })

/** Waits until exactly this many edits wait to be sent. */
export const waiting = (page, count) => page.waitForSelector(`html[data-pending="${count}"]`, { state: 'attached' })

/** Waits for the cart's page to show these lines, `{ line: qty }`, and no others. */
export async function cartShows(page, wanted) {
  await page.waitForFunction((wanted) => {
    const shown = [...document.querySelectorAll('.cart-line')].map((line) => [
      line.dataset.line,
      Number(line.dataset.qty),
    ])
    return shown.length === Object.keys(wanted).length && shown.every(([line, qty]) => wanted[line] === qty)
  }, wanted)
}

/** What the cart's page shows now. */
export const cartShown = (page) =>
  page.$$eval('.cart-line', (lines) =>
    Object.fromEntries(lines.map((line) => [line.dataset.line, Number(line.dataset.qty)])),
  )

/** Opens a product's page by its address, as a reload would. */
export async function openProduct(page, id) {
  const path = `/p/${encodeURIComponent(id).replaceAll('.', '%2E')}`
  const response = await page.goto(new URL(path, page.url()).href)
  await page.waitForSelector(`.product[data-sku="${quoted(id)}"] .add-to-cart`)
  return response
}

/** Puts `qty` of the open product in the cart and waits for the page to say so. */
export async function addToCart(page, qty) {
  const input = page.locator('.product .stepper-input')
  await input.fill(String(qty))
  await input.press('Tab')
  await page.click('.product .add-to-cart')
  await page.waitForSelector('.toast')
}

/** Sets a line's quantity on the cart's page. */
export async function setQty(page, line, qty) {
  const input = page.locator(`.cart-line[data-line="${quoted(line)}"] .stepper-input`)
  await input.fill(String(qty))
  await input.press('Tab')
}

export const removeLine = (page, line) => page.click(`.cart-line[data-line="${quoted(line)}"] .remove`)

export async function openCart(page) {
  await page.click('.cart-link')
  await page.waitForSelector('.page.cart')
}

/** Closes every message, so that a picture shows the page. */
export async function closeToasts(page) {
  for (const button of await page.$$('.toast [aria-label^="Close"]')) await button.click()
  await page.waitForFunction(() => document.querySelectorAll('.toast').length === 0)
}

/** For a value inside double quotes of a selector. */
function quoted(text) {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
}
