// How each system was used and how each figure was taken: printed with every run.

export const USED = {
  pannier: 'IndexedDB store without sync, default options; each edit\'s `durable` awaited; putMany for the bulk load; the first cart by peekCart, which needs no engine; the rows of a question that is asked again are the same list, kept until the collection changes: scan_1000, index_query_100 and recent_50 repeat theirs',
  'pannier-encrypted': 'as pannier, under a key of AES-GCM with 256 bits that each page imports',
  idb: 'object stores by id and sku, compound index [category, price], index on the time of visits; one relaxed readwrite transaction for the bulk load, else one a put, `done` awaited; getAll with key ranges, the newest visits by getAll in descending direction',
  'idb-keyval': 'a store each for products, lines and visits; setMany for the bulk load, else set, which resolves when its transaction is complete; a scan lists the keys and takes getMany of its part',
  dexie: 'id and [category+price] indexes, relaxed transactions, bulkAdd for the bulk load, else put; its promises resolve when the transaction is complete',
  replicache: 'the bulk load arrives as one pull patch from a function in the page, other writes are mutators; a mutator resolves in memory and is persisted on idle, so durable = its persist() step (entry replicache/impl) run at once and awaited, its own schedule off; the index key is one more string field, the keys of visits count backwards',
  tinybase: 'all rows in memory; a Store each for products, lines and visits, since its IndexedDB persister writes a whole Store; durable = save() awaited, once for puts issued together; indexes with sorted slices, in which a range is found by bisection',
  'tanstack-db': 'all rows in memory in IndexedDB collections, B-tree indexes on id, category, price and time (an index has one field); durable = the transaction\'s isPersisted; insert of a list for the bulk load, queryOnce for scans and queries',
  rxdb: 'Dexie storage, relaxed, one tab; schema with the index [category, price]; bulkInsert for the bulk load, else insert, which resolves when written; find and findOne, whose results it keeps until one of them changes',
  pouchdb: 'adapter indexeddb with pouchdb-find, whose index [category, price] is then one of the database; automatic compaction, one revision; bulkDocs for the bulk load, else put; allDocs for scans and visits, whose keys are their times',
  'sqlite-wasm': 'OPFS by the SAH pool, its fastest VFS, in a dedicated worker: one tab only; write-ahead log with synchronous = normal, so a commit is with the system but not flushed, as with relaxed IndexedDB; prepared statements, documents as JSON text that crosses once an answer',
  'wa-sqlite': 'the fork that is published on npm, synchronous build with AccessHandlePoolVFS in a dedicated worker: one tab only; exclusive locking and a write-ahead log, which its documentation names for fast writes (its OPFSWriteAheadVFS, for many tabs, takes three times as long a put); else as sqlite-wasm',
  limit: 'no store but what IndexedDB and JavaScript allow: all products as 4.5 MB of bytes, ready before the clock starts, in one relaxed transaction; one put of 150 bytes a transaction for lines, each with an explicit commit(); a get is one of a Map, awaited',
}

export const TAKEN = [
  'Chromium headless, one fresh profile for each system and repetition, the browser closed and started again between loading, reading, writing, checking, filling the cart and cold starts; the writes go to a copy of the profile, whose cart is empty; order of systems turned each repetition',
  'every row, count and order is compared with the generated data, also after a restart of the browser, before a figure counts',
  'cold_first_cart: fresh page, nothing in the HTTP cache, from the start of the dynamic import of the system\'s module to 20 lines in hand; median of 5 pages a repetition',
  'cold_open: the same with all open that the other workloads use, for Pannier the engine, its wasm compiled',
  'bytes_stored: what navigator.storage.estimate() says of the 10,000 products (for those in the origin private file system, which it forgets after a restart, the files), after the browser was closed, opened again for reading and closed; what its storage has not compacted by then counts',
  'get_warm, scan_1000, index_query_100, recent_50: after one pass unmeasured, passes until they take 100 ms together, 10 at most; one field of each row is read inside the timed part; recent_50 is asked for again and again with 400 visits stored',
  'scan_1000_disk: fresh page; so that the code is warm, 5 ranges of 1,000 products at random places are scanned twice in each of 3 openings of the store; in the last follow 5 other ranges, each read for the first time: from the storage where the system does not have them in memory, and decoded; rows over the time of those 5; median of 5 pages a repetition. Systems that keep all rows in memory have read and decoded them when they opened',
  'scan_1000_cold: as scan_1000_disk, but the 5 ranges are of products that the last opening has stored just before, so that none is decoded, but a system that keeps stored bytes in memory has them there; one page a repetition, on a copy of the profile',
  'memory_100k: 100,000 products stored, browser restarted, store opened with a cache of 4 MiB, all products scanned in pages of 1,000; then the size of the page\'s wasm memory, which never shrinks',
  '× is how many times better: above 1 is faster, or smaller',
]
