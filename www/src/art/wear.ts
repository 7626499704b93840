/** Things to wear. */

import { area, shade, shine, stroke, type Shape } from './shape'

export const shoe: Shape = (p) => ({
  width: 74,
  floor: 156,
  lift: 14,
  art:
    area(
      'M30 136C27 114 30 94 38 80c7-8 18-5 22 4 7 13 23 13 35 2 6-6 13-4 17 3 10 16 30 21 46 25 13 3 21 10 20 24z',
      p.body,
    ) +
    area('M150 115c18 3 29 10 28 23h-36c-3-10 1-19 8-23z', p.deep, 'opacity=".55"') +
    area('M30 136c-2-19-2-36 4-48 6 12 8 31 6 48z', p.deep, 'opacity=".6"') +
    area('M58 128c22 2 44-8 58-30l7 6c-14 22-36 34-62 32z', p.pale, 'opacity=".92"') +
    stroke('M98 94l13-9M105 102l12-10M113 109l12-10M122 114l10-9', '#fff', 3.6) +
    stroke('M40 84c6 16 24 24 46 12', p.deepLine, 1.6, 'opacity=".5" stroke-dasharray="3 3"') +
    shine('M42 84c4-5 12-5 15 2 4 8 10 12 18 13-16 2-28-5-33-15z', 0.22) +
    area('M27 136h152c3 7 3 14 0 18-2 3-6 4-11 4H38c-9 0-13-8-11-22z', p.pale) +
    stroke('M28 147h151', p.accentLine, 3) +
    shade('M28 150h151c-1 6-5 8-11 8H38c-6 0-9-3-10-8z', 0.12),
})

export const boot: Shape = (p) => ({
  width: 62,
  floor: 162,
  art:
    area(
      'M58 42h52c3 0 5 2 5 5-2 20-2 36 4 48 8 12 24 12 36 20 8 5 9 14 9 25H54c-2-26 4-44 3-66-1-12-3-20-3-27 0-3 1-5 4-5z',
      p.body,
    ) +
    area('M54 140c-1-12 0-22 1-31 12-1 22 10 24 31z', p.deep, 'opacity=".6"') +
    area('M96 60h19c-2 16 0 28 4 36-12 4-22-2-26-12z', p.pale, 'opacity=".9"') +
    stroke('M92 62l20 4M92 73l21 3M95 84l19 2M99 94l17-2', p.deepLine, 3) +
    shine('M62 46h14c-3 30-1 52-6 74-8-20-2-48-8-74z', 0.2) +
    area('M52 138h112c4 8 4 14 0 20H56c-5-4-6-12-4-20z', p.ink) +
    area('M54 36h60c4 0 5 10 0 10H54c-5 0-4-10 0-10z', p.accent) +
    shade('M130 104c16 4 34 10 34 34h-24c4-14 0-26-10-34z', 0.12),
})

export const shirt: Shape = (p) => {
  const striped = p.pick(1) < 0.45
  const button = p.pick(2) < 0.5
  const body =
    'M74 42c8 10 44 10 52 0l24 10c6 3 10 8 12 14l11 30-26 11-7-15v66c0 4-3 6-6 6H66c-3 0-6-2-6-6V92l-7 15-26-11 11-30c2-6 6-11 12-14z'
  return {
    width: 52,
    floor: 168,
    art:
      area(body, p.body) +
      (striped
        ? stroke('M60 84h80M60 102h80M60 120h80M60 138h80M60 154h80', p.light, 5, 'opacity=".55"')
        : area('M118 84h14v14c-4 4-10 4-14 0z', p.deep, 'opacity=".5"')) +
      shade('M60 92c6 22 4 48 8 72h-2c-4 0-6-2-6-6zM140 92c-8 26-2 50-10 72h4c3 0 6-2 6-6z', 0.18) +
      shade('M38 66l-11 30 5 2 14-34zM162 66l11 30-5 2-14-34z', 0.14) +
      stroke('M74 42c8 17 44 17 52 0', p.deepLine, 5, 'opacity=".7"') +
      (button
        ? stroke('M100 55v109', p.deepLine, 1.2, 'opacity=".6"') +
          [70, 90, 110, 130, 150].map((y) => `<circle cx="100" cy="${y}" r="2.6" fill="#fff" opacity=".9"/>`).join('')
        : '') +
      shine('M68 50c-8 30-2 70 2 104-8-20-10-60-8-98z', 0.2),
  }
}

export const jacket: Shape = (p) => ({
  width: 54,
  floor: 170,
  art:
    area(
      'M72 40l28 12 28-12 24 12c6 3 9 8 11 15l13 72-24 6-10-46v64c0 4-2 6-6 6H64c-4 0-6-2-6-6V99l-10 46-24-6 13-72c2-7 5-12 11-15z',
      p.body,
    ) +
    area('M100 52l-28-12-6 26 20 10-4 20 18 40z', p.deep) +
    area('M100 52l28-12 6 26-20 10 4 20-18 40z', p.deep, 'opacity=".78"') +
    stroke('M100 134v34', p.deepLine, 2) +
    area('M66 122h22v5H66zM112 122h22v5h-22z', p.deep) +
    [140, 154].map((y) => `<circle cx="106" cy="${y}" r="3.2" fill="${p.metal}"/>`).join('') +
    shade('M58 99c6 22 2 46 8 70h-2c-4 0-6-2-6-6zM142 99c-6 22-2 46-8 70h2c4 0 6-2 6-6z', 0.2) +
    shine('M50 54c-10 26-12 56-18 84l-6-1 13-70c2-6 5-10 11-13z', 0.22),
})

export const scarf: Shape = (p) => ({
  width: 46,
  floor: 168,
  art:
    area('M112 84l28 66c1 4-1 6-4 7l-20 8c-3 1-5 0-6-3L88 96z', p.deep) +
    area('M84 88l-6 74c0 4 2 6 5 6h24c4 0 6-2 6-6l-4-78z', p.body) +
    area('M56 66c0-22 88-22 88 0 0 30-88 34-88 0z', p.body) +
    shade('M66 64c10-12 58-12 68 0-12 10-56 10-68 0z', 0.3) +
    stroke('M79 138h33M78 150h35M82 100h28', p.accentLine, 5) +
    stroke('M122 142l16-7M127 154l14-6', p.accentLine, 5) +
    stroke('M82 168v8M90 168v8M98 168v8M106 168v8', p.line, 3) +
    shine('M60 62c8-14 30-16 50-14-24 2-38 6-46 20z', 0.3),
})

export const sock: Shape = (p) => ({
  width: 44,
  floor: 166,
  art:
    area('M96 44h36v62c0 8-4 12-10 17l-34 28c-10 8-24 6-30-2-6-9-2-18 6-23l26-18c4-3 6-6 6-12z', p.body) +
    area('M94 40h40c4 0 4 16 0 16H94c-4 0-4-16 0-16z', p.accent) +
    area('M58 149c-6-9-2-18 6-23l8-5c8 6 12 16 8 32-10 3-18 1-22-4z', p.accent) +
    area('M132 88v18c0 8-4 12-10 17l-6 5c-10-12-6-32 16-40z', p.deep, 'opacity=".7"') +
    stroke('M97 68h34M97 78h34', p.light, 4, 'opacity=".7"') +
    shine('M100 58h8v40c-2 8-8 14-16 19 6-10 8-34 8-59z', 0.24),
})

export const hat: Shape = (p) => ({
  width: 74,
  floor: 150,
  lift: 4,
  art:
    `<ellipse cx="100" cy="136" rx="76" ry="18" fill="${p.deep}"/>` +
    `<ellipse cx="100" cy="131" rx="76" ry="17" fill="${p.body}"/>` +
    area('M54 130c0-34 4-66 18-72 10-4 18 4 28 4s18-8 28-4c14 6 18 38 18 72-20 10-72 10-92 0z', p.round) +
    area('M54 130c0-8 0-15 1-22 22 9 68 9 90 0 1 7 1 14 1 22-20 10-72 10-92 0z', p.accent) +
    shade('M74 60c10 10 42 10 52 0-6 18-46 18-52 0z', 0.18),
})

export const glasses: Shape = (p) => ({
  width: 74,
  floor: 146,
  art:
    stroke('M30 100L44 72c3-5 8-7 14-7M170 100l-14-28c-3-5-8-7-14-7', p.deepLine, 6) +
    area('M26 98h62c6 0 8 4 7 10-2 22-14 36-34 36s-34-14-36-36c-1-6 1-10 1-10z', p.deep) +
    area('M112 98h62s2 4 1 10c-2 22-16 36-36 36s-32-14-34-36c-1-6 1-10 7-10z', p.deep) +
    area(
      'M33 105h54c2 18-8 32-26 32s-28-14-28-32zM113 105h54c0 18-10 32-28 32s-28-14-26-32z',
      p.accent,
      'opacity=".82"',
    ) +
    shine('M38 108h22l-14 22c-5-5-8-12-8-22zM118 108h22l-14 22c-5-5-8-12-8-22z', 0.4) +
    stroke('M88 102c6-8 18-8 24 0', p.deepLine, 6),
})

export const watch: Shape = (p) => {
  const hour = p.pick(1) * 360
  return {
    width: 36,
    floor: 178,
    art:
      area('M80 22h40l4 44H76z', p.body) +
      area('M76 132h48l-4 44c0 3-2 4-4 4H84c-2 0-4-1-4-4z', p.body) +
      stroke('M86 26v34M114 26v34M84 142l2 32M116 142l-2 32', p.light, 1.6, 'stroke-dasharray="3 4" opacity=".8"') +
      shade('M76 66c0-8 48-8 48 0zM76 132c0 9 48 9 48 0z', 0.3) +
      `<rect x="144" y="94" width="10" height="12" rx="3" fill="${p.metal}"/>` +
      `<circle cx="100" cy="100" r="46" fill="${p.metal}"/><circle cx="100" cy="100" r="40" fill="${p.metalLine}" opacity=".6"/>` +
      `<circle cx="100" cy="100" r="38" fill="${p.pick(2) < 0.5 ? p.pale : p.ink}"/>` +
      Array.from(
        { length: 12 },
        (_, at) =>
          `<path d="M100 67v${at % 3 === 0 ? 8 : 4}" stroke="${p.accentLine}" stroke-width="2.6" transform="rotate(${at * 30} 100 100)"/>`,
      ).join('') +
      `<path d="M100 103V82" stroke="${p.metalLine}" stroke-width="4.5" transform="rotate(${Math.round(hour)} 100 100)"/>` +
      `<path d="M100 104V72" stroke="${p.metalLine}" stroke-width="3" transform="rotate(${Math.round(hour * 12) % 360} 100 100)"/>` +
      `<circle cx="100" cy="100" r="3.6" fill="${p.accentLine}"/>` +
      shine('M70 78c10-16 32-22 48-12-22 0-36 10-44 32-4-6-6-14-4-20z', 0.34),
  }
}

export const bag: Shape = (p) => ({
  width: 58,
  floor: 168,
  art:
    stroke('M70 88c0-64 60-64 60 0', p.deepLine, 8) +
    stroke('M70 86c0-58 60-58 60 0', p.line, 3) +
    area('M50 80h100c5 0 8 3 9 8l8 68c1 7-3 11-9 11H42c-6 0-10-4-9-11l8-68c1-5 4-8 9-8z', p.body) +
    area('M46 80h108l5 30c-30 22-88 22-118 0z', p.deep, 'opacity=".85"') +
    stroke('M44 106c32 22 80 22 112 0', p.light, 1.4, 'stroke-dasharray="4 4" opacity=".7"') +
    `<rect x="88" y="114" width="24" height="20" rx="4" fill="${p.metal}"/><circle cx="100" cy="124" r="4" fill="${p.metalLine}"/>` +
    shine('M44 116c-2 14-4 28-4 44 6-10 10-24 10-40z', 0.26) +
    shade('M150 112l8 55h-16c6-14 10-32 8-55z', 0.18),
})

export const backpack: Shape = (p) => ({
  width: 52,
  floor: 170,
  art:
    stroke('M84 46c0-22 32-22 32 0', p.deepLine, 7) +
    area('M44 84c-12 8-12 54-4 66h14zM156 84c12 8 12 54 4 66h-14z', p.deep) +
    area('M52 86c0-34 18-50 48-50s48 16 48 50v70c0 8-5 13-13 13H65c-8 0-13-5-13-13z', p.body) +
    area('M52 84c0-34 18-48 48-48s48 14 48 48c-28 10-68 10-96 0z', p.deep, 'opacity=".55"') +
    area('M64 116c0-6 4-10 10-10h52c6 0 10 4 10 10v36c0 6-4 10-10 10H74c-6 0-10-4-10-10z', p.deep, 'opacity=".8"') +
    stroke('M66 120h68', p.light, 2.4, 'opacity=".8"') +
    stroke('M80 84v26M120 84v26', p.accentLine, 7) +
    `<rect x="75" y="100" width="10" height="12" rx="2" fill="${p.metal}"/><rect x="115" y="100" width="10" height="12" rx="2" fill="${p.metal}"/>` +
    shine('M58 84c2-22 14-36 32-40-14 12-22 30-22 56v50c-8-12-12-40-10-66z', 0.22),
})

export const belt: Shape = (p) => ({
  width: 66,
  floor: 152,
  art:
    area(
      'M100 58c44 0 74 14 74 44s-30 46-74 46-74-16-74-46 30-44 74-44zm0 18c-34 0-54 8-54 24s20 24 54 24 54-8 54-24-20-24-54-24z',
      p.deep,
      'fill-rule="evenodd"',
    ) +
    area('M26 102c0 30 30 46 74 46s74-16 74-46c-6 20-36 30-74 30s-68-10-74-30z', p.body) +
    `<rect x="76" y="120" width="44" height="36" rx="6" fill="none" stroke="${p.metalLine}" stroke-width="9"/><rect x="76" y="120" width="44" height="36" rx="6" fill="none" stroke="#f2e7cf" stroke-width="4"/>` +
    stroke('M98 138h24', '#f2e7cf', 5) +
    [136, 148, 160]
      .map((x) => `<circle cx="${x}" cy="${140 - (x - 136) * 0.5}" r="2.6" fill="${p.deepLine}"/>`)
      .join(''),
})

export const ring: Shape = (p) => ({
  width: 40,
  floor: 168,
  art:
    `<circle cx="100" cy="118" r="44" fill="none" stroke="${p.metalLine}" stroke-width="13"/>` +
    `<circle cx="100" cy="118" r="44" fill="none" stroke="hsl(43 68% 66%)" stroke-width="9"/>` +
    stroke('M64 96a44 44 0 0 1 26-21', '#fff6d8', 4) +
    stroke('M136 144a44 44 0 0 1-30 18', 'hsl(36 50% 42%)', 4) +
    area('M76 48h48l14 18-38 36-38-36z', p.body) +
    area('M76 48l-14 18h24zM124 48l14 18h-24z', p.deep, 'opacity=".5"') +
    area('M86 66h28l-14 36z', p.light, 'opacity=".55"') +
    shine('M76 48h24l-14 18H62z', 0.5) +
    shine('M100 48l14 18H86z', 0.7) +
    stroke('M148 36v14M141 43h14', '#fff', 2.6) +
    stroke('M52 34v8M48 38h8', '#fff', 2),
})
