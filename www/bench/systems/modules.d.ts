/** Of the modules that come without declarations, what is used here. */
declare module 'pouchdb-browser' {
  interface Stored {
    readonly _id: string
    readonly _rev: string
  }

  interface Rows<T> {
    readonly rows: readonly { readonly doc: T & Stored }[]
  }

  interface Find {
    readonly selector: { readonly [field: string]: unknown }
    readonly sort?: readonly string[]
    readonly limit?: number
    readonly use_index?: string
  }

  export default class PouchDB<T extends object> {
    static plugin(plugin: unknown): typeof PouchDB
    constructor(name: string, options: { adapter: string; auto_compaction?: boolean; revs_limit?: number })
    bulkDocs(documents: readonly (T & { _id: string })[]): Promise<readonly { readonly ok?: true }[]>
    put(document: T & { _id: string }): Promise<unknown>
    get(id: string): Promise<T & Stored>
    allDocs(options: {
      include_docs: true
      startkey?: string
      limit?: number
      descending?: boolean
    }): Promise<Rows<T>>
    createIndex(index: { index: { fields: readonly string[]; ddoc: string; name: string } }): Promise<unknown>
    find(query: Find): Promise<{ readonly docs: readonly (T & Stored)[] }>
    close(): Promise<void>
  }
}

declare module 'pouchdb-adapter-indexeddb' {
  const plugin: unknown
  export default plugin
}

declare module 'pouchdb-find' {
  const plugin: unknown
  export default plugin
}

declare module '@journeyapps/wa-sqlite/src/examples/AccessHandlePoolVFS.js' {
  export const AccessHandlePoolVFS: { create(name: string, module: unknown): Promise<SQLiteVFS> }
}
