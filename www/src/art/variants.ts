/** Special kinds: drawn where a product's title names one, in place of the common kind. */

import { area, shade, shine, stroke, type Shape } from './shape'

export const deskLamp: Shape = (p) => ({
  width: 44,
  floor: 168,
  art:
    `<ellipse cx="142" cy="112" rx="54" ry="50" fill="${p.glow}"/>` +
    area('M50 160c0-10 64-10 64 0v8H50z', p.body) +
    shine('M54 158c6-5 30-6 40-4l-38 8z', 0.3) +
    stroke('M82 156L62 96L116 50', p.metalLine, 8) +
    stroke('M82 156L62 96L116 50', '#f0ece2', 3) +
    `<circle cx="62" cy="96" r="8" fill="${p.metal}"/><circle cx="116" cy="50" r="7" fill="${p.metal}"/>` +
    `<g transform="rotate(38 122 56)">` +
    area('M106 46h34c10 8 22 24 26 44H80c4-20 16-36 26-44z', p.round) +
    `<ellipse cx="123" cy="90" rx="43" ry="7" fill="#fff0c4"/><rect x="112" y="34" width="22" height="14" rx="5" fill="${p.deep}"/></g>`,
})

export const lantern: Shape = (p) => ({
  width: 42,
  floor: 170,
  art:
    `<circle cx="100" cy="108" r="72" fill="${p.glow}"/>` +
    stroke('M76 50c-4-40 52-40 48 0', p.deepLine, 5) +
    area('M88 40h24l6 14H82z', p.deep) +
    area('M76 54h48l14 20H62z', p.body) +
    `<rect x="66" y="74" width="68" height="80" rx="4" fill="#fff7dd" opacity=".7"/>` +
    area('M90 118h20v36H90z', p.pale) +
    area('M100 88c8 11 10 16 10 20a10 10 0 0 1-20 0c0-4 4-10 10-20z', 'hsl(36 96% 60%)') +
    area('M100 100c4 5 5 8 5 10a5 5 0 0 1-10 0c0-2 2-5 5-10z', '#fff7dc') +
    stroke('M66 76v78M134 76v78M88 76v78M112 76v78', p.line, 4) +
    area('M58 152h84l4 18H54z', p.body) +
    shade('M56 162h88l2 8H54z', 0.2) +
    shine('M78 56h14l-10 16H66z', 0.3),
})

export const loafer: Shape = (p) => ({
  width: 74,
  floor: 150,
  lift: 14,
  art:
    area('M28 136c-4-20-2-38 6-50 10 10 34 14 56 8 22 14 58 14 80 26 10 6 12 10 10 18z', p.body) +
    area('M34 86c10 10 34 14 56 8 4 3 8 5 14 7-18 12-56 12-74-2 1-5 2-9 4-13z', p.deep) +
    area('M84 96c8 4 16 7 26 9-2 14-8 24-20 31H70c14-10 18-24 14-40z', p.accent, 'opacity=".9"') +
    stroke('M112 108c22 2 46 8 62 20', p.deepLine, 1.8, 'opacity=".6" stroke-dasharray="4 3"') +
    shade('M28 136c-4-20-2-36 5-49 6 14 6 34 5 49z', 0.2) +
    area('M25 134h156c3 8 0 16-8 16H34c-8 0-11-8-9-16z', p.pale) +
    shade('M26 144h154c-1 4-4 6-8 6H34c-4 0-7-2-8-6z', 0.16) +
    shine('M120 108c18 2 36 8 46 14-18-4-34-6-50-6z', 0.3),
})

export const chelsea: Shape = (p) => ({
  width: 60,
  floor: 162,
  art:
    area('M62 40h50c2 22-2 42 4 56 8 14 30 14 42 24 8 7 8 12 8 20H56c-2-30 6-66 6-100z', p.body) +
    area('M84 42h22c2 20-2 38 2 52-8 8-20 4-24-8-2-14 0-28 0-44z', p.accent) +
    stroke('M89 46v40M94 46v44M99 46v46M104 46v42', p.deepLine, 1.4, 'opacity=".4"') +
    stroke('M66 40c-4-16 10-16 8 0', p.line, 4) +
    shine('M66 44h10c0 30-6 52-8 80-8-20-2-50-2-80z', 0.22) +
    area('M54 138h112c4 8 3 14 0 18H96l-6 6H58c-5-4-6-14-4-24z', p.ink),
})

export const tote: Shape = (p) => ({
  width: 52,
  floor: 170,
  art:
    stroke('M76 74c-2-62 50-62 48 0', p.deepLine, 7) +
    area('M50 70h100l8 94c0 4-2 6-6 6H48c-4 0-6-2-6-6z', p.body) +
    shade('M128 70h22l8 94c0 4-2 6-6 6h-18c4-30 2-66-6-100z', 0.14) +
    stroke('M76 68v26M124 68v26', p.deepLine, 7) +
    (p.pick(3) < 0.5
      ? `<circle cx="100" cy="126" r="22" fill="${p.light}" opacity=".85"/>` +
        stroke(
          'M100 140v-24M100 128c-8 0-12-5-12-11 8 0 12 5 12 11zM100 122c8 0 12-5 12-11-8 0-12 5-12 11z',
          p.deepLine,
          3,
        )
      : stroke('M62 112h76M61 124h78M60 136h80', p.light, 5, 'opacity=".7"')) +
    stroke('M50 76h100', p.light, 1.6, 'stroke-dasharray="4 3" opacity=".8"') +
    shine('M54 76h12l-6 90h-12z', 0.22),
})

export const duffel: Shape = (p) => ({
  width: 78,
  floor: 158,
  lift: 6,
  art:
    stroke('M66 92c-2-56 70-56 68 0', p.deepLine, 8) +
    area('M46 78h108c16 0 26 20 26 42s-8 38-20 38H40c-12 0-20-16-20-38s10-42 26-42z', p.body) +
    area(
      'M46 78c-16 0-26 20-26 42s8 38 20 38c10-20 10-58 6-80zM154 78c16 0 26 20 26 42s-8 38-20 38c-10-20-10-58-6-80z',
      p.deep,
    ) +
    stroke('M60 84h80', p.metalLine, 3) +
    `<rect x="130" y="80" width="14" height="8" rx="2" fill="${p.metal}"/>` +
    area('M62 80h10v78H62zM128 80h10v78h-10z', p.accent) +
    shine('M50 82h90c-30 4-62 6-92 16z', 0.3),
})

export const beanie: Shape = (p) => ({
  width: 54,
  floor: 154,
  art:
    `<circle cx="100" cy="44" r="17" fill="${p.accent}"/>` +
    shine('M90 40c3-7 12-9 17-5-8 0-12 4-14 11z', 0.4) +
    area('M46 118c0-42 22-64 54-64s54 22 54 64z', p.body) +
    stroke(
      'M66 112c0-26 8-42 20-52M88 112c0-28 4-44 8-54M112 112c0-28-4-44-8-54M134 112c0-26-8-42-20-52',
      p.deepLine,
      2,
      'opacity=".35"',
    ) +
    `<rect x="40" y="112" width="120" height="40" rx="12" fill="${p.body}"/>` +
    shade('M52 112h96c-30 5-66 5-96 0z', 0.3) +
    stroke(
      'M54 118v28M66 118v28M78 118v28M90 118v28M102 118v28M114 118v28M126 118v28M138 118v28M150 118v28',
      p.deepLine,
      2.4,
      'opacity=".4"',
    ) +
    shine('M60 104c2-20 12-34 26-42-10 14-14 30-14 46z', 0.24),
})

export const skillet: Shape = (p) => ({
  width: 60,
  floor: 146,
  lift: 4,
  art:
    `<g transform="rotate(-18 150 108)"><rect x="132" y="98" width="62" height="15" rx="7" fill="${p.wood}"/><circle cx="185" cy="105" r="3.5" fill="#3a2716"/></g>` +
    area('M22 104c0-30 124-30 124 0 0 30-20 42-62 42s-62-12-62-42z', p.body) +
    `<ellipse cx="84" cy="102" rx="62" ry="27" fill="${p.deep}"/><ellipse cx="84" cy="104" rx="53" ry="21" fill="${p.ink}"/>` +
    area('M62 104c-4-12 18-18 30-12 14-2 22 8 14 16-4 8-38 10-44-4z', '#fffaf0') +
    `<circle cx="86" cy="102" r="8" fill="hsl(42 96% 58%)"/>` +
    shine('M82 98c2-3 6-3 8-1-3 0-5 1-6 4z', 0.6) +
    stroke('M26 96c8-16 32-22 58-22', p.light, 2.4, 'opacity=".7"'),
})

export const radio: Shape = (p) => ({
  width: 68,
  floor: 160,
  art:
    stroke('M148 66l22-44', p.metalLine, 3.4) +
    `<circle cx="170" cy="22" r="3.4" fill="${p.metal}"/>` +
    stroke('M64 62c0-22 72-22 72 0', p.deepLine, 6) +
    `<rect x="28" y="62" width="144" height="96" rx="16" fill="${p.body}"/><rect x="38" y="74" width="72" height="72" rx="10" fill="${p.deep}"/>` +
    stroke('M46 86h56M46 96h56M46 106h56M46 116h56M46 126h56M46 136h56', p.light, 3, 'opacity=".6"') +
    `<rect x="120" y="76" width="42" height="22" rx="4" fill="#fff4d6"/>` +
    stroke('M126 88h30', '#a0722c', 1.4) +
    stroke('M142 80v14', '#c0392b', 2) +
    `<circle cx="141" cy="126" r="18" fill="${p.metal}"/><circle cx="141" cy="126" r="12" fill="${p.accent}"/>` +
    stroke('M141 126l7-8', '#fff', 3) +
    shine('M32 76c0-6 4-10 10-10h60c-30 4-56 16-68 40z', 0.24),
})

export const kettle: Shape = (p) => ({
  width: 54,
  floor: 162,
  art:
    stroke('M62 84c0-66 78-66 78 0', '#2a2c33', 8) +
    area('M62 118c-14-4-18-26-34-36l8-8c20 8 26 18 34 22z', p.deep) +
    area('M52 156c-4-30 8-68 48-68s52 38 48 68c0 4-2 6-6 6H58c-4 0-6-2-6-6z', p.round) +
    area('M74 90c2-14 50-14 52 0-14 6-38 6-52 0z', p.metal) +
    `<circle cx="100" cy="76" r="7" fill="${p.wood}"/>` +
    shade('M52 150h96v6c0 4-2 6-6 6H58c-4 0-6-2-6-6z', 0.2) +
    shine('M66 112c4-10 10-14 18-16-8 14-12 34-10 56h-10c-2-14-2-28 2-40z', 0.38),
})
