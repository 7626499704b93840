/** Line icons, drawn in a square of 24. */

import { svg } from '../dom'

const PATHS = {
  bag: 'M5 9h14l-1.2 10.2a1.6 1.6 0 0 1-1.6 1.300H7.800a1.6 1.6 0 0 1-1.6-1.300zM8.5 9a3.5 4.5 0 0 1 7 0',
  check: 'M5 12.500l4.5 4.500L19 7.5',
  close: 'M6.5 6.500l11 11M17.5 6.500l-11 11',
  notice: 'M12 8v5M12 16.400v.1M12 3.500l9.5 16.500h-19z',
  plus: 'M12 5.500v13M5.5 12h13',
  minus: 'M5.5 12h13',
  trash: 'M5 7h14M10 7V4.800h4V7M7 7l.8 12.500h8.400L17 7M10.5 10.500v5.500M13.5 10.500v5.5',
  back: 'M14.5 6l-6 6 6 6',
  next: 'M9.5 6l6 6-6 6',
  offline:
    'M4 4l16 16M5 12.500a10 10 0 0 1 4-2.400M19 12.500a10 10 0 0 0-5.5-2.800M8.3 15.800a5.2 5.2 0 0 1 7.4 0M12 19v.1M2.5 9a14 14 0 0 1 4-2.600M21.5 9A14 14 0 0 0 11 5.2',
  device: 'M7.5 3.500h9a1 1 0 0 1 1 1v15a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1zM11 17.500h2',
  sync: 'M19.5 9A8 8 0 0 0 5 8M4.5 4v4.500H9M4.5 15A8 8 0 0 0 19 16M19.5 20v-4.500H15',
} as const

export type IconName = keyof typeof PATHS

export function icon(name: IconName): SVGSVGElement {
  return svg(
    `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="${PATHS[name]}"/></svg>`,
  )
}

/** The shop's sign: a wicker basket. */
export function logo(): SVGSVGElement {
  return svg(
    '<svg class="logo-mark" viewBox="0 0 40 40" aria-hidden="true" focusable="false"><path d="M12 17a8 8 0 0 1 16 0M5 17h30l-3 15.200a2.5 2.5 0 0 1-2.4 1.800H10.400A2.5 2.5 0 0 1 8 32.200zM6.5 22.500h27M7.5 28h25M15 17.500l1.5 16M25 17.500l-1.5 16"/></svg>',
  )
}
