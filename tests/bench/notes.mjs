// How each system was used and how each figure was taken: printed with every run.

export const USED = {
  pannier: 'IndexedDB store without sync, default options; each edit\'s `durable` awaited; putMany for the bulk load',
  idb: 'object stores by id and sku, compound index [category, price]; one relaxed readwrite transaction for the bulk load, else one a put, `done` awaited; getAll with key ranges',
  dexie: 'id and [category+price] indexes, relaxed transactions, bulkAdd for the bulk load, else put; its promises resolve when the transaction is complete',
  replicache: 'the bulk load arrives as one pull patch from a function in the page, other writes are mutators; a mutator resolves in memory and is persisted on idle, so durable = its persist() step (entry replicache/impl) run at once and awaited, its own schedule off; the index key is one more string field',
  limit: 'no store but what the platform allows: all products as one JSON string in one relaxed transaction, one put a transaction for lines, each with an explicit commit(), reads from a Map and sorted arrays in memory',
}

export const TAKEN = [
  'Chromium headless, one fresh profile for each system and repetition, the browser closed and started again between loading, reading, writing, checking, filling the cart and cold starts; the writes go to a copy of the profile, whose cart is empty; order of systems turned each repetition',
  'every row, count and order is compared with the generated data, also after a restart of the browser, before a figure counts',
  'cold_first_cart: fresh page, nothing in the HTTP cache, from the start of the dynamic import of the system\'s module to 20 lines in hand; median of 5 pages a repetition',
  'bytes_stored: files of the profile\'s IndexedDB directory with the 10,000 products, after the browser was closed, opened again for reading and closed; what its storage has not compacted by then counts (Chromium reports the same sum as its storage estimate)',
  'get_warm, scan_1000, index_query_100: after one pass unmeasured, passes until they take 100 ms together, 10 at most; one field of each row is read inside the timed part',
  '× is how many times better: above 1 is faster, or smaller',
]
