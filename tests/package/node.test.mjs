import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { shopFolder } from './package.mjs'

test('a server that renders pages can import the package: nothing runs, nothing is missing', async () => {
  const folder = await shopFolder('node')
  const script = join(folder, 'render.mjs')
  writeFileSync(script, `
    import * as pannier from 'pannier'
    if (typeof window !== 'undefined') throw new Error('this test needs a place without window')
    console.log(typeof pannier.open)
  `)
  // A timer or a handle that the import left open would keep the process from its end.
  assert.equal(execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 30_000 }).trim(), 'function')
})
