/** Opens a database that is there; one that is not is not made, and undefined is given. */
export async function openExisting(name: string): Promise<IDBDatabase | undefined> {
  // In WebKit an upgrade that is undone leaves an empty database behind, which is listed for a while.
  const known = await indexedDB.databases?.()
  if (known?.every(database => database.name !== name)) return undefined
  const request = indexedDB.open(name)
  let isMissing = false
  request.onupgradeneeded = () => {
    isMissing = true
    request.transaction!.abort()
  }
  return answer(request).catch(error => {
    if (isMissing) return undefined
    throw error
  })
}

/** What a request gives; one that fails does not end its transaction. */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = event => {
      event.preventDefault()
      reject(request.error)
    }
  })
}
