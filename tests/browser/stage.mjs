// What a suite plays on: a browser, and where its pages come from. Imported, it is there until after the last test.
import { after } from 'node:test'
import { launch } from '../drive/index.mjs'
import { makeSite } from './package.mjs'

export const [context, site] = await Promise.all([launch(), makeSite()])

after(async () => {
  await context.close()
  await site.close()
})
