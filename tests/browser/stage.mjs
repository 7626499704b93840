// What a suite plays on: a browser, and where its pages come from. Imported, it is there until after the last test.
import { after, test } from 'node:test'
import { launch } from '../drive/index.mjs'
import { makeSite } from './package.mjs'

export const [context, site] = await Promise.all([launch(), makeSite()])

after(async () => {
  await context.close()
  await site.close()
})

/** What makes tests of which each works in a page with a storage of its own, where `prepare` was called before. */
export function inPages(prepare) {
  return (name, work, verify) =>
    test(name, async () => {
      const page = await context.newPage()
      await page.goto(await site.origin())
      await page.evaluate(prepare)
      verify(await page.evaluate(work))
      await page.close()
    })
}
