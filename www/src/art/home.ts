/** Things for rooms. */

import { area, shade, shine, stroke, type Shape } from './shape'

export const lamp: Shape = (p) => ({
  width: 42,
  floor: 172,
  art:
    `<ellipse cx="100" cy="98" rx="92" ry="74" fill="${p.glow}"/>` +
    (p.pick(1) < 0.5
      ? area('M94 96h12v66H94z', p.metal)
      : area('M100 96c22 14 22 46 6 66H94c-16-20-16-52 6-66z', p.accent)) +
    area('M66 164c0-8 68-8 68 0l2 6c0 4-72 4-72 0z', p.wood) +
    area('M74 30h52l28 70c-14 8-94 8-108 0z', p.round) +
    `<ellipse cx="100" cy="101" rx="54" ry="7" fill="#fff0c4"/>` +
    stroke('M84 32l-20 66M100 32v70M116 32l20 66', p.light, 1.4, 'opacity=".5"') +
    `<ellipse cx="100" cy="30" rx="26" ry="4" fill="${p.deep}"/>` +
    shine('M78 34h12L72 98c-6-1-12-2-16-4z', 0.28),
})

export const candle: Shape = (p) => {
  const top = 66 + Math.round(p.pick(1) * 34)
  const label = p.pick(2) < 0.55
  return {
    width: 40,
    floor: 166,
    art:
      `<g transform="translate(0 ${top - 78})"><circle cx="100" cy="46" r="46" fill="${p.glow}"/>` +
      area('M100 22c12 14 14 22 14 28a14 14 0 0 1-28 0c0-6 6-12 14-28z', 'hsl(36 96% 62%)') +
      area('M100 38c6 8 7 12 7 16a7 7 0 0 1-14 0c0-4 3-8 7-16z', '#fff7dc') +
      stroke('M100 62v14', '#33281c', 3) +
      '</g>' +
      `<rect x="62" y="${top - 2}" width="76" height="${168 - top}" rx="8" fill="${p.round}"/><ellipse cx="100" cy="${top}" rx="38" ry="8" fill="${p.pale}"/>` +
      (label
        ? `<rect x="74" y="${top + 26}" width="52" height="34" rx="3" fill="${p.pale}"/>` +
          stroke(`M84 ${top + 38}h32M90 ${top + 48}h20`, p.deepLine, 2.6, 'opacity=".7"')
        : stroke(`M63 ${top + 34}c20 7 54 7 74 0M63 ${top + 46}c20 7 54 7 74 0`, p.light, 4, 'opacity=".6"')) +
      `<rect x="68" y="${top + 8}" width="8" height="${148 - top}" rx="4" fill="#fff" opacity=".32"/>`,
  }
}

export const clock: Shape = (p) => ({
  width: 52,
  floor: 170,
  art:
    area('M64 150l-10 20h12l10-14zM136 150l10 20h-12l-10-14z', p.wood) +
    `<circle cx="100" cy="100" r="66" fill="${p.deep}"/><circle cx="100" cy="98" r="64" fill="${p.body}"/><circle cx="100" cy="98" r="52" fill="${p.pale}"/>` +
    Array.from(
      { length: 12 },
      (_, at) =>
        `<path d="M100 52v${at % 3 === 0 ? 10 : 5}" stroke="${p.deepLine}" stroke-width="3.4" transform="rotate(${at * 30} 100 98)"/>`,
    ).join('') +
    `<path d="M100 100V72" stroke="#2a241d" stroke-width="6" transform="rotate(${Math.round(p.pick(1) * 360)} 100 98)"/><path d="M100 102V60" stroke="#2a241d" stroke-width="4" transform="rotate(${Math.round(p.pick(2) * 360)} 100 98)"/>` +
    `<circle cx="100" cy="98" r="5.5" fill="${p.accentLine}"/>` +
    shine('M56 68c14-24 50-34 74-18-30 0-52 14-64 44-8-8-12-18-10-26z', 0.34),
})

export const sofa: Shape = (p) => ({
  width: 84,
  floor: 162,
  art:
    area('M38 148h10l-3 16h-5zM152 148h10l-2 16h-5z', p.wood) +
    area('M38 78c0-12 8-18 18-18h88c10 0 18 6 18 18v40H38z', p.body) +
    shade('M38 104h124v16H38z', 0.2) +
    area('M44 110h56v30H44zM100 110h56v30h-56z', p.body) +
    shine('M48 112h48v8H48zM104 112h48v8h-48z', 0.26) +
    area(
      'M22 98c0-10 6-14 14-14s14 4 14 14v46H30c-6 0-8-2-8-8zM178 98c0-10-6-14-14-14s-14 4-14 14v46h20c6 0 8-2 8-8z',
      p.deep,
    ) +
    area('M30 138h140v10c0 4-2 6-6 6H36c-4 0-6-2-6-6z', p.deep) +
    area('M60 80l28-8 8 28-28 8z', p.accent) +
    area('M136 78l-26 2 2 26 26-2z', p.pale) +
    shine('M46 66c20-5 60-5 88 0-30-1-64 0-88 6z', 0.3),
})

export const chair: Shape = (p) => ({
  width: 50,
  floor: 172,
  art:
    stroke('M68 116l-12 54M132 116l12 54', 'hsl(25 44% 36%)', 8) +
    stroke('M82 116l-2 44M118 116l2 44', 'hsl(24 42% 30%)', 7) +
    area('M62 44c0-12 12-18 38-18s38 6 38 18l-6 62H68z', p.body) +
    shine('M70 42c4-8 14-10 26-10-10 16-14 42-14 70h-8z', 0.26) +
    shade('M66 96h68l-1 12H67z', 0.24) +
    area('M54 104c0-8 92-8 92 0v12c0 10-92 10-92 0z', p.round) +
    area('M54 112c20 8 72 8 92 0v5c0 9-92 9-92 0z', p.deep) +
    stroke('M100 36v60', p.deepLine, 1.6, 'opacity=".45" stroke-dasharray="3 4"'),
})

export const table: Shape = (p) => ({
  width: 80,
  floor: 166,
  art:
    stroke('M44 96l-12 70M156 96l12 70', 'hsl(25 44% 36%)', 9) +
    stroke('M66 96l-4 56M134 96l4 56', 'hsl(24 42% 28%)', 7) +
    area('M26 84h148v14c0 4-2 6-6 6H32c-4 0-6-2-6-6z', p.wood) +
    `<ellipse cx="100" cy="84" rx="76" ry="14" fill="hsl(31 48% 64%)"/>` +
    stroke('M40 82c30-8 80-8 120-2M54 90c30-5 60-5 92-1', 'hsl(28 44% 50%)', 1.6, 'opacity=".7"') +
    area('M84 48h30c2 16-2 28-8 34H92c-6-6-10-18-8-34z', p.body) +
    stroke('M99 48c-2-12-10-18-18-20M99 48c2-14 10-18 16-24M99 48V24', 'hsl(130 34% 36%)', 3) +
    area(
      'M81 28c-8-2-10-8-10-12 8 0 12 6 10 12zM115 24c0-8 6-12 12-12 0 8-4 12-12 12zM99 24c-6-6-4-12 0-16 4 4 6 10 0 16z',
      p.leaf,
    ),
})

export const dresser: Shape = (p) => ({
  width: 66,
  floor: 168,
  art:
    area('M46 154h10l-3 16h-5zM144 154h10l-2 16h-5z', p.wood) +
    `<rect x="36" y="48" width="128" height="108" rx="6" fill="${p.body}"/><rect x="30" y="42" width="140" height="12" rx="4" fill="${p.wood}"/>` +
    [62, 92, 122]
      .map(
        (y) =>
          `<rect x="44" y="${y}" width="112" height="26" rx="3" fill="${p.deep}" opacity=".5"/><rect x="44" y="${y}" width="112" height="23" rx="3" fill="${p.body}"/><circle cx="72" cy="${y + 12}" r="4" fill="${p.metal}"/><circle cx="128" cy="${y + 12}" r="4" fill="${p.metal}"/>`,
      )
      .join('') +
    shine('M38 56h14v98H38z', 0.16),
})

export const cushion: Shape = (p) => ({
  width: 62,
  floor: 160,
  art:
    area(
      'M38 52c40 10 84 10 124 0 6 0 8 4 6 10-10 30-10 58 0 88 2 6-2 10-8 8-40-9-80-9-120 0-6 2-10-2-8-8 10-30 10-58 0-88-2-6 0-10 6-10z',
      p.body,
    ) +
    (p.pick(1) < 0.5
      ? stroke(
          'M60 58c8 32 8 66 0 96M84 60c4 32 4 62 0 92M116 60c-4 32-4 62 0 92M140 58c-8 32-8 66 0 96',
          p.light,
          5,
          'opacity=".6"',
        )
      : stroke('M50 84l50 42 50-42M50 110l50 40 50-40M54 64l46 38 46-38', p.accentLine, 5, 'opacity=".85"')) +
    shade('M168 62c-10 30-10 58 0 88 2 6-2 10-8 8-10-2-20-4-30-5 20-24 26-62 32-101 6 0 8 4 6 10z', 0.16) +
    shine('M40 56c18 5 36 7 54 8-28 8-40 30-46 62 2-24 0-46-8-70z', 0.26),
})

export const vase: Shape = (p) => ({
  width: 40,
  floor: 170,
  art:
    stroke('M100 60C96 44 84 36 78 18M102 60c2-18 10-28 22-38M100 60V16', 'hsl(96 26% 40%)', 2.6) +
    area(
      'M78 20c-10-2-14-10-12-16 8 2 12 8 12 16zM124 22c2-10 8-14 16-14 0 8-6 14-16 14zM100 18c-8-6-6-12 0-18 6 6 8 12 0 18zM90 40c-10 0-14-6-16-12 8 0 14 4 16 12zM112 42c2-8 8-12 16-12-2 8-8 12-16 12z',
      p.leaf,
    ) +
    area('M84 58h32c2 14-4 20 8 34 20 22 18 78-6 78H82c-24 0-26-56-6-78 12-14 6-20 8-34z', p.round) +
    stroke('M66 118c22 8 46 8 68 0M63 130c24 8 50 8 74 0', p.light, 3, 'opacity=".75"') +
    `<ellipse cx="100" cy="58" rx="16" ry="4" fill="${p.deep}"/>` +
    shine('M76 104c6-8 12-12 14-20 0 24-8 50 0 80-18-8-22-42-14-60z', 0.34),
})

export const plant: Shape = (p) => ({
  width: 42,
  floor: 172,
  art:
    stroke(
      'M100 120C96 90 80 70 60 60M100 120c2-34 14-56 38-68M100 120V44M100 120c-14-18-34-26-52-26M100 120c14-18 34-24 52-24',
      'hsl(134 34% 30%)',
      3,
    ) +
    area('M62 62C40 64 30 48 30 36c20-2 34 8 32 26z', p.leaf) +
    area('M136 54c-2-20 12-30 32-30 0 18-12 32-32 30z', p.leaf) +
    area('M100 50C82 38 84 20 100 8c16 12 18 30 0 42z', p.leaf) +
    area('M50 96C32 102 20 92 16 80c18-6 32 2 34 16z', p.leaf) +
    area('M150 98c0-16 16-24 34-18-4 14-16 24-34 18z', p.leaf) +
    area('M82 78c-20-2-28-14-26-28 18 2 28 12 26 28zM118 80c0-16 10-26 28-28 0 16-10 28-28 28z', p.leaf) +
    stroke('M100 48V16M60 60L36 42M138 52l24-22M84 76L62 54', 'hsl(110 34% 66%)', 1.6, 'opacity=".7"') +
    area('M62 116h76l-8 50c-1 4-3 6-7 6H77c-4 0-6-2-7-6z', p.round) +
    `<rect x="56" y="108" width="88" height="16" rx="5" fill="${p.body}"/>` +
    shade('M63 124h74l-1 6H64z', 0.24) +
    shine('M72 130h10l4 38h-8z', 0.28),
})

export const bouquet: Shape = (p) => {
  const flower = (x: number, y: number, size: number, fill: string) =>
    Array.from(
      { length: 6 },
      (_, at) =>
        `<ellipse cx="${x}" cy="${y - size * 0.62}" rx="${size * 0.42}" ry="${size * 0.62}" fill="${fill}" transform="rotate(${at * 60} ${x} ${y})"/>`,
    ).join('') + `<circle cx="${x}" cy="${y}" r="${size * 0.34}" fill="hsl(44 84% 62%)"/>`
  return {
    width: 44,
    floor: 172,
    art:
      stroke('M100 130L60 64M100 130l40-66M100 130V44M100 130L44 92M100 130l56-38', 'hsl(130 34% 34%)', 3) +
      area(
        'M46 100c-18 2-26-8-28-18 16-4 28 4 28 18zM154 100c2-14 12-22 28-18-4 12-12 20-28 18zM78 40c-8-12-4-22 6-30 8 10 6 22-6 30z',
        p.leaf,
      ) +
      flower(60, 62, 22, p.body) +
      flower(140, 62, 22, p.accent) +
      flower(100, 42, 24, p.pale) +
      flower(44, 98, 16, p.accent) +
      flower(156, 98, 16, p.body) +
      flower(100, 84, 25, p.body) +
      flower(76, 100, 15, p.pale) +
      flower(126, 102, 15, p.pale) +
      area('M62 110c24 14 52 14 76 0l-28 60c-2 4-18 4-20 0z', 'hsl(34 36% 78%)') +
      area('M100 120l38-10-28 60c-1 2-5 3-10 3z', 'hsl(32 32% 68%)') +
      stroke('M82 148c12 5 24 5 36 0', p.accentLine, 6) +
      area('M98 150l-14 18 12-4 4 8 4-8 12 4-14-18z', p.accent),
  }
}
