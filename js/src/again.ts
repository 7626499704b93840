/** Tries again before storage that refuses to open is taken for missing, and the wait before each, in milliseconds. */
const OPEN_AGAIN = 3
const OPEN_AGAIN_AFTER_MS = 200

/**
 * Opens storage that has just refused to: a connection that was lost is found back, Chromium replaces a damaged database
 * on the next opening, and just after a browser has died it refuses for a moment. Rejects with what it refuses at last.
 */
export async function openedAgain<T>(open: () => Promise<T>): Promise<T> {
  for (let left = OPEN_AGAIN; ; left--) {
    await new Promise(resolve => setTimeout(resolve, OPEN_AGAIN_AFTER_MS))
    try {
      return await open()
    } catch (error) {
      // What is there, and cannot be read, must not be stood in for.
      if (left === 1 || (error as Error).name === 'PannierError') throw error
    }
  }
}
