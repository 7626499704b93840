/** Making elements: no framework, one function. */

export type Child = Node | string | number | null | undefined | false | readonly Child[]

export type Attributes = {
  readonly [name: string]: string | number | boolean | null | undefined | ((event: never) => void)
}

/** Makes an element. Functions under `on…` become listeners; `true` and `false` set or leave out an attribute. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value))
  }
  append(element, children)
  return element
}

function append(parent: Node, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue
    if (Array.isArray(child)) append(parent, child)
    else parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)))
  }
}

/** Replaces what an element holds. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren()
  append(parent, children)
}

/** Parses SVG made by this shop. Never for text from a product. */
export function svg(source: string): SVGSVGElement {
  const holder = document.createElement('div')
  holder.innerHTML = source
  return holder.firstElementChild as SVGSVGElement
}

/** Runs at most once a frame, however often it is called. */
export function eachFrame(run: () => void): () => void {
  let waiting = false
  return () => {
    if (waiting) return
    waiting = true
    // Not requestAnimationFrame: a tab in the background must stay up to date too.
    setTimeout(() => {
      waiting = false
      run()
    }, 16)
  }
}
