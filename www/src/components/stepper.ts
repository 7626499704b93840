/** A quantity with buttons on both sides. */

import { h } from '../dom'
import { icon } from './icon'

/** More of one thing than this is a slip of the finger; the shop's server has its own limit. */
export const QTY_MAX = 99

export interface Stepper {
  readonly element: HTMLElement
  value(): number
  set(qty: number): void
}

export interface StepperOptions {
  /** What is counted, for a screen reader. */
  readonly name: string
  readonly qty: number
  /** `by` is the step taken, or null where the quantity was typed. */
  readonly change: (qty: number, by: number | null) => void
}

export function stepper({ name, qty, change }: StepperOptions): Stepper {
  let current = qty
  let typing = false
  const input = h('input', {
    class: 'stepper-input',
    type: 'text',
    inputmode: 'numeric',
    pattern: '[0-9]*',
    autocomplete: 'off',
    'aria-label': `Quantity of ${name}`,
    value: qty,
    oninput: () => (typing = true),
    onchange: () => typed(),
    onkeydown: (event: KeyboardEvent) => {
      if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
        event.preventDefault()
        step(event.key === 'ArrowUp' ? 1 : -1)
      }
    },
  })
  const less = button('minus', `One less of ${name}`, () => step(-1))
  const more = button('plus', `One more of ${name}`, () => step(1))

  function show(next: number): void {
    current = next
    input.value = String(next)
    // Not `disabled`: that would throw the keyboard's focus away in the middle of pressing.
    less.setAttribute('aria-disabled', String(next <= 1))
    more.setAttribute('aria-disabled', String(next >= QTY_MAX))
  }

  function step(by: number): void {
    const next = Math.min(QTY_MAX, Math.max(1, current + by))
    if (next === current) return
    show(next)
    change(next, by)
  }

  function typed(): void {
    typing = false
    const next = /^\d+$/.test(input.value.trim()) ? Math.min(QTY_MAX, Math.max(1, Number(input.value))) : current
    const changed = next !== current
    show(next)
    if (changed) change(next, null)
  }

  show(qty)
  const element = h('div', { class: 'stepper', role: 'group', 'aria-label': `Quantity of ${name}` }, less, input, more)
  return {
    element,
    value: () => current,
    set: (next) => {
      // What the shopper is typing is not overwritten by a change from elsewhere.
      if (typing) current = next
      else if (next !== current) show(next)
    },
  }
}

function button(glyph: 'minus' | 'plus', label: string, press: () => void): HTMLButtonElement {
  return h('button', { class: 'stepper-button', type: 'button', 'aria-label': label, onclick: press }, icon(glyph))
}
