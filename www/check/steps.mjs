// Reporting: one line a step, and a clear end at the first that fails.
import { isDeepStrictEqual } from 'node:util'

const WAIT_MS_MAX = 30_000 // Far above any wait seen, so that only what never comes meets it.
const POLL_MS = 100

/** Runs a step of the walk, prints its line, and passes its failure on. */
export async function step(place, what, run) {
  try {
    const note = await run()
    console.log(`ok ${place}: ${what}${typeof note === 'string' ? ` (${note})` : ''}`)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    console.log(`FAILED ${place}: ${what}: ${why.split('\n')[0]}`)
    throw error
  }
}

export function equal(got, wanted, what) {
  if (!isDeepStrictEqual(got, wanted))
    throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
}

/** Asks again until the answer is the wanted one; fails with the last answer. */
export async function until(ask, wanted, what) {
  const end = Date.now() + WAIT_MS_MAX
  for (;;) {
    const got = await ask()
    if (isDeepStrictEqual(got, wanted)) return
    if (Date.now() > end) equal(got, wanted, what)
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
}
