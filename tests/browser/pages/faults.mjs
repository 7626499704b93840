// What storage does to shops, put in at the edge: by wrapping what the browser gives. Each returns what undoes it.

const replace = (object, name, make) => {
  const before = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { ...before, value: make(before.value) })
  return () => Object.defineProperty(object, name, before)
}

/** There is no IndexedDB at all. */
export const noDatabases = () => {
  Object.defineProperty(globalThis, 'indexedDB', { value: undefined, configurable: true })
  return () => delete globalThis.indexedDB
}

/** The next `times` openings fail. */
export const refuseToOpen = (name, times = Infinity) =>
  replace(IDBFactory.prototype, 'open', (open) => function (...asked) {
    if (times-- <= 0) return open.apply(this, asked)
    throw new DOMException('made to fail', name)
  })

/** Openings do not answer until this is undone. */
export function holdOpenings() {
  const held = []
  const undo = replace(IDBFactory.prototype, 'open', (open) => function (...asked) {
    let real
    const handed = {
      get result() { return real.result },
      get error() { return real.error },
      get transaction() { return real.transaction },
    }
    held.push(() => {
      real = open.apply(indexedDB, asked)
      for (const event of ['onupgradeneeded', 'onsuccess', 'onerror', 'onblocked']) real[event] = handed[event]
    })
    return handed
  })
  return () => {
    undo()
    for (const go of held) go()
  }
}

/** The connections of now are dead: no transaction begins on them any more. */
export function killConnections() {
  const isDead = new WeakSet()
  const alive = new WeakSet()
  const undoOpen = replace(IDBFactory.prototype, 'open', (open) => function (...asked) {
    const request = open.apply(this, asked)
    request.addEventListener('success', () => alive.add(request.result))
    return request
  })
  const undo = replace(IDBDatabase.prototype, 'transaction', (transaction) => function (...asked) {
    if (!alive.has(this)) isDead.add(this)
    if (isDead.has(this)) throw new DOMException('Connection to Indexed Database server lost', 'UnknownError')
    return transaction.apply(this, asked)
  })
  return () => (undoOpen(), undo())
}

/** The next transaction that writes to all of `stores` is carried out, and told as failed. */
export const loseAnswer = (stores) => {
  let isLost = false
  const undo = replace(IDBDatabase.prototype, 'transaction', (begin) => function (names, mode, ...rest) {
    const transaction = begin.call(this, names, mode, ...rest)
    if (isLost || mode !== 'readwrite' || `${[...names]}` !== `${stores}`) return transaction
    isLost = true
    let told
    Object.defineProperties(transaction, {
      oncomplete: { set() {} },
      onabort: { set: (callback) => (told = callback) },
      error: { value: new DOMException('Connection to Indexed Database server lost', 'UnknownError') },
    })
    transaction.addEventListener('complete', () => told())
    return transaction
  })
  return () => {
    undo()
    return isLost
  }
}

/** The disk takes so many bytes in all databases; `used` is what is there already. */
export function limitDisk(limit) {
  const sizes = new Map()
  const sum = () => [...sizes.values()].reduce((total, size) => total + size, 0)
  const sizeOf = (value) => value?.byteLength ?? 200
  let next = 0
  const guard = (write) => function (value, key) {
    const place = `${this.name}/${key ?? `new ${next++}`}`
    const before = sizes.get(place)
    sizes.set(place, sizeOf(value))
    if (sum() > limit) {
      if (before === undefined) sizes.delete(place)
      else sizes.set(place, before)
      throw new DOMException('made to fail', 'QuotaExceededError')
    }
    return write.call(this, value, ...(key === undefined ? [] : [key]))
  }
  const undo = [
    replace(IDBObjectStore.prototype, 'put', guard),
    replace(IDBObjectStore.prototype, 'add', guard),
    replace(IDBObjectStore.prototype, 'delete', (remove) => function (key) {
      // Records of the log are dropped by ranges.
      for (const place of [...sizes.keys()]) {
        if (key instanceof IDBKeyRange ? place.startsWith(`${this.name}/`) : place === `${this.name}/${key}`) sizes.delete(place)
      }
      return remove.call(this, key)
    }),
  ]
  return { undo: () => undo.forEach((one) => one()), used: sum, to: (bytes) => (limit = bytes) }
}

/** Another storage that throws at every touch, as where cookies are blocked. */
export const blockMarks = () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'localStorage')
  Object.defineProperty(globalThis, 'localStorage', {
    configurable: true,
    get() { throw new DOMException('blocked', 'SecurityError') },
  })
  return () => before && Object.defineProperty(globalThis, 'localStorage', before)
}

/** Tabs hear nothing of each other. */
export const noChannels = () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'BroadcastChannel')
  delete globalThis.BroadcastChannel
  return () => Object.defineProperty(globalThis, 'BroadcastChannel', before)
}

/** The server does what it is asked, and its answers are lost. */
export const loseAnswers = () =>
  replace(globalThis, 'fetch', (fetch) => async (...asked) => {
    await fetch(...asked)
    throw new TypeError('made to be lost')
  })

export const deleteDatabase = (name) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(`pannier:${name}`)
    request.onsuccess = () => resolve()
    request.onerror = () => reject(request.error)
  })

export const isThere = async (name) => (await indexedDB.databases()).some((database) => database.name === `pannier:${name}`)

/** Changes bytes of the last segment that is stored. */
export async function damage(name) {
  const request = indexedDB.open(`pannier:${name}`)
  const database = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)))
  await new Promise((resolve) => {
    const transaction = database.transaction('segment', 'readwrite')
    const cursor = transaction.objectStore('segment').openCursor(null, 'prev')
    cursor.onsuccess = () => {
      if (!cursor.result) return
      const bytes = cursor.result.value.slice()
      bytes[Math.floor(bytes.length / 2)] ^= 0xff
      cursor.result.update(bytes)
      cursor.result.continue()
    }
    transaction.oncomplete = resolve
  })
  database.close()
}

/** Asks one object store of a store's database. */
async function inStore(name, kind, mode, ask) {
  const opening = indexedDB.open(`pannier:${name}`)
  const database = await new Promise((resolve) => (opening.onsuccess = () => resolve(opening.result)))
  const transaction = database.transaction(kind, mode)
  const request = ask(transaction.objectStore(kind))
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve
    transaction.onabort = () => reject(transaction.error)
  })
  database.close()
  return request.result
}

/** The keys of a store's records of one kind: of the object store `head` only that of the head. */
export const recordKeys = async (name, kind) => {
  const keys = await inStore(name, kind, 'readonly', (store) => store.getAllKeys())
  return kind === 'head' ? keys.filter((key) => key === 0) : keys
}

export const readRecord = (name, kind, key) => inStore(name, kind, 'readonly', (store) => store.get(key))

/** Puts bytes in the place of a record, or takes it away. */
export const writeRecord = (name, kind, key, bytes) =>
  inStore(name, kind, 'readwrite', (store) => {
    if (bytes === undefined) return store.delete(key)
    // A store whose keys are generated takes a key too where its values have none in them.
    return store.put(bytes, key)
  })

/** Timers of so many milliseconds and more never end. */
export const holdTimers = (msMin) =>
  replace(globalThis, 'setTimeout', (set) => (callback, ms, ...rest) => (ms >= msMin ? 0 : set(callback, ms, ...rest)))
