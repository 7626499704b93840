/** Pages under addresses: history routing, titles, scroll positions, and where the focus goes. */

export interface View {
  readonly title: string
  readonly element: HTMLElement
  /** Resolves when the first content is there; the scroll position is restored then. */
  readonly ready: Promise<void>
  /** Ends the view's subscriptions. */
  stop(): void
}

export interface Route {
  readonly path: RegExp
  /** Makes the view; `match` holds the path's groups, decoded. */
  readonly view: (match: readonly string[], query: URLSearchParams) => View
}

const SCROLL_KEYS_MAX = 50 // A session's history is rarely deeper, and storage is small.

export class Router {
  #routes: readonly Route[]
  #outlet: HTMLElement
  #view: View | null = null
  #scrolls = new Map<string, number>()
  #shown: ((path: string) => void)[] = []

  constructor(outlet: HTMLElement, routes: readonly Route[]) {
    this.#outlet = outlet
    this.#routes = routes
    history.scrollRestoration = 'manual'
    window.addEventListener('popstate', () => this.#show('restore'))
    document.addEventListener('click', (event) => this.#click(event))
    window.addEventListener('scroll', () => this.#remember(), { passive: true })
  }

  /** Calls back with the path of each page shown. */
  onShow(callback: (path: string) => void): void {
    this.#shown.push(callback)
  }

  start(): void {
    this.#show('first')
  }

  go(path: string): void {
    history.pushState({ key: newKey() }, '', path)
    this.#show('top')
  }

  /** Changes the address without a new page: a filter, or how many products are shown. */
  replace(path: string): void {
    history.replaceState(history.state, '', path)
  }

  #click(event: MouseEvent): void {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    const link = (event.target as Element).closest?.('a')
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
    if (link.hash && link.pathname === location.pathname) {
      event.preventDefault()
      this.#jump(link.hash.slice(1))
      return
    }
    if (link.pathname.startsWith('/v1')) return
    event.preventDefault()
    this.go(link.pathname + link.search)
  }

  /** To a place in the same page, without an entry in the history: that would be taken for a new page. */
  #jump(id: string): void {
    const place = document.getElementById(id)
    place?.focus({ preventScroll: true })
    place?.scrollIntoView()
  }

  #remember(): void {
    const key = (history.state as { key?: string } | null)?.key ?? 'first'
    this.#scrolls.delete(key)
    this.#scrolls.set(key, window.scrollY)
    for (const old of this.#scrolls.keys()) {
      if (this.#scrolls.size <= SCROLL_KEYS_MAX) break
      this.#scrolls.delete(old)
    }
  }

  #show(how: 'first' | 'top' | 'restore'): void {
    const key = (history.state as { key?: string } | null)?.key ?? 'first'
    const top = how === 'restore' ? (this.#scrolls.get(key) ?? 0) : 0
    this.#view?.stop()
    const view = this.#make()
    this.#view = view
    this.#outlet.replaceChildren(view.element)
    document.title = `${view.title} · Pannier shop`
    for (const callback of this.#shown) callback(location.pathname)
    window.scrollTo(0, 0)
    if (how === 'first') return
    this.#focusHeading()
    void view.ready.then(() => {
      if (this.#view !== view) return
      if (top > 0) window.scrollTo(0, top)
      // The heading of a product comes with the product.
      if (document.activeElement === document.body) this.#focusHeading()
    })
  }

  /** A new page is announced by moving the focus to its heading, as a page load would. */
  #focusHeading(): void {
    this.#outlet.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
  }

  #make(): View {
    for (const route of this.#routes) {
      const match = route.path.exec(location.pathname)
      if (match) return route.view(match.slice(1).map(decode), new URLSearchParams(location.search))
    }
    throw new Error('no route takes this address; the last one must take any')
  }
}

let keys = 0

function newKey(): string {
  keys += 1
  return `${performance.timeOrigin}-${keys}`
}

function decode(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? '')
  } catch {
    return part ?? ''
  }
}
