/** Things for the kitchen, and what is eaten there. */

import { area, shade, shine, stroke, type Shape } from './shape'

export const teapot: Shape = (p) => ({
  width: 56,
  floor: 160,
  art:
    stroke('M144 88c30-8 36 42-8 48', p.deepLine, 11) +
    stroke('M144 88c30-8 36 42-8 48', p.line, 6) +
    area('M60 100c-16 0-20-14-26-32-1-4 1-6 5-6h7c10 0 14 20 26 24z', p.deep) +
    area('M52 108c0-30 22-42 48-42s48 12 48 42c0 26-14 44-24 50-4 3-44 3-48 0-10-6-24-24-24-50z', p.round) +
    (p.pick(1) < 0.5
      ? stroke('M55 122c16 8 74 8 90 0', p.accentLine, 6) +
        stroke('M60 134c16 7 64 7 80 0', p.light, 2.4, 'opacity=".8"')
      : Array.from(
          { length: 5 },
          (_, at) =>
            `<circle cx="${68 + at * 16}" cy="${118 + (at % 2) * 10}" r="4.5" fill="${p.light}" opacity=".85"/>`,
        ).join('')) +
    area('M70 72c0-16 60-16 60 0-12 6-48 6-60 0z', p.body) +
    stroke('M68 73c16 7 48 7 64 0', p.deepLine, 2.4, 'opacity=".6"') +
    `<circle cx="100" cy="55" r="7" fill="${p.accent}"/>` +
    shine('M66 92c4-10 12-16 20-18-10 12-14 34-10 58-10-12-14-28-10-40z', 0.38),
})

export const cup: Shape = (p) => ({
  width: 50,
  floor: 160,
  art:
    stroke('M136 92c32-8 34 38-6 42', p.deepLine, 11) +
    stroke('M136 92c32-8 34 38-6 42', p.line, 6) +
    `<ellipse cx="98" cy="158" rx="62" ry="9" fill="${p.pale}"/><ellipse cx="98" cy="156" rx="38" ry="4" fill="#000" opacity=".12"/>` +
    area('M56 80h84c2 36-4 62-18 74-8 4-40 4-48 0-14-12-20-38-18-74z', p.round) +
    area('M57 104c24 8 58 8 82 0l-3 22c-22 7-54 7-76 0z', p.accent, 'opacity=".9"') +
    `<ellipse cx="98" cy="80" rx="42" ry="10" fill="${p.pale}"/><ellipse cx="98" cy="82" rx="36" ry="7" fill="hsl(24 48% 24%)"/>` +
    stroke('M84 60c-6-10 6-14 0-26M106 62c-6-10 6-14 0-26', '#fff', 3.4, 'opacity=".55"') +
    shine('M64 92c4 2 8 3 12 4 0 22 2 38 8 54-12-10-20-32-20-58z', 0.34),
})

export const glass: Shape = (p) => ({
  width: 34,
  floor: 168,
  art:
    `<ellipse cx="100" cy="164" rx="34" ry="7" fill="${p.pale}"/>` +
    stroke('M100 112v48', 'hsl(200 14% 88%)', 7) +
    stroke('M98 114v44', '#fff', 2) +
    area('M64 36h72c6 40-6 78-36 78S58 76 64 36z', 'hsl(200 24% 94%)', 'opacity=".75"') +
    area('M63 62c18 5 56 5 74 0 0 30-12 48-37 48S63 92 63 62z', p.round) +
    `<ellipse cx="100" cy="63" rx="37" ry="6" fill="${p.light}"/><ellipse cx="100" cy="36" rx="36" ry="5" fill="#fff" opacity=".55"/>` +
    shine('M70 44c4-1 8-1 10-1-2 24 2 48 10 62-18-10-24-34-20-61z', 0.5) +
    `<circle cx="112" cy="80" r="3" fill="#fff" opacity=".5"/><circle cx="104" cy="92" r="2" fill="#fff" opacity=".5"/>`,
})

export const bowl: Shape = (p) => ({
  width: 60,
  floor: 158,
  art:
    area('M80 148h40l4 10c0 3-48 3-48 0z', p.deep) +
    area('M34 92h132c0 34-24 60-50 60H84c-26 0-50-26-50-60z', p.round) +
    stroke('M40 112c36 10 84 10 120 0', p.accentLine, 5) +
    stroke('M46 124c32 8 76 8 108 0', p.light, 2.4, 'opacity=".8"') +
    `<ellipse cx="100" cy="92" rx="66" ry="17" fill="${p.pale}"/><ellipse cx="100" cy="94" rx="58" ry="13" fill="${p.deep}"/>` +
    shine('M44 106c8 3 14 4 20 5 2 16 10 28 20 38-20-6-36-22-40-43z', 0.28),
})

export const pan: Shape = (p) => ({
  width: 62,
  floor: 154,
  art:
    stroke('M40 100H22M160 100h18', p.deepLine, 10) +
    area('M40 84h120v52c0 10-8 18-18 18H58c-10 0-18-8-18-18z', p.round) +
    area('M36 76h128c4 0 4 12 0 12H36c-4 0-4-12 0-12z', p.metal) +
    area('M44 76c6-26 106-26 112 0z', p.body) +
    shine('M56 72c8-12 30-16 44-16-16 4-26 8-32 16z', 0.4) +
    `<rect x="90" y="40" width="20" height="14" rx="6" fill="${p.ink}"/>` +
    shine('M50 92h12v50c-8-2-12-8-12-16z', 0.26) +
    shade('M146 92h14v44c0 8-6 16-14 18z', 0.16),
})

export const bottle: Shape = (p) => ({
  width: 36,
  floor: 170,
  art:
    `<rect x="84" y="28" width="32" height="26" rx="5" fill="${p.ink}"/><rect x="88" y="52" width="24" height="14" fill="${p.metal}"/>` +
    area('M84 64h32c16 4 22 14 22 26v68c0 7-5 12-12 12H74c-7 0-12-5-12-12V90c0-12 6-22 22-26z', p.round) +
    `<rect x="70" y="98" width="60" height="48" rx="4" fill="${p.pale}"/>` +
    stroke('M80 112h40M86 122h28M90 132h20', p.deepLine, 2.6, 'opacity=".75"') +
    shine('M68 92c2-10 8-15 14-18-4 8-6 14-6 22v66c-6-2-8-5-8-10z', 0.42),
})

export const jar: Shape = (p) => ({
  width: 46,
  floor: 168,
  art:
    area(
      'M62 62h76c10 6 14 14 14 26v66c0 8-6 14-14 14H62c-8 0-14-6-14-14V88c0-12 4-20 14-26z',
      p.pale,
      'opacity=".7"',
    ) +
    area('M54 92c20-6 72-6 92 0v60c0 6-4 10-10 10H64c-6 0-10-4-10-10z', p.round) +
    `<rect x="58" y="40" width="84" height="24" rx="6" fill="${p.metal}"/>` +
    stroke('M66 44v16M78 44v16M90 44v16M102 44v16M114 44v16M126 44v16', p.metalLine, 1.4, 'opacity=".6"') +
    `<rect x="64" y="102" width="72" height="44" rx="5" fill="${p.pale}"/><circle cx="84" cy="124" r="12" fill="${p.accent}"/>` +
    stroke('M104 116h22M104 125h22M104 134h14', p.deepLine, 2.6, 'opacity=".7"') +
    shine('M54 86c2-8 6-12 10-16v90c-6-2-10-6-10-12z', 0.45),
})

export const bread: Shape = (p) => ({
  width: 64,
  floor: 154,
  art:
    area('M32 112c0-34 34-50 68-50s68 16 68 50c0 26-16 42-68 42s-68-16-68-42z', 'hsl(30 58% 47%)') +
    area('M40 106c2-26 32-38 60-38s58 12 60 38c-20-8-100-8-120 0z', 'hsl(34 66% 60%)', 'opacity=".7"') +
    stroke('M66 80c8 8 10 22 6 34M98 74c8 10 10 24 6 38M130 80c8 8 8 22 4 32', 'hsl(38 74% 82%)', 7) +
    area('M32 118c6 26 26 36 68 36s62-10 68-36c6 40-24 44-68 44s-74-4-68-44z', p.body) +
    stroke('M40 138h120M44 150h112', p.light, 3, 'opacity=".7"'),
})

export const apple: Shape = (p) => ({
  width: 48,
  floor: 162,
  art:
    stroke('M100 66c0-16 4-24 12-30', 'hsl(26 44% 28%)', 5) +
    area('M104 54c10-18 30-20 40-14-6 14-24 20-40 14z', p.leaf) +
    area(
      'M100 66c14-12 52-10 54 28 2 34-22 70-40 70-8 0-8-4-14-4s-6 4-14 4c-18 0-42-36-40-70 2-38 40-40 54-28z',
      p.body,
    ) +
    shade('M138 74c10 40-14 76-34 88 4 2 8 2 10 2 18 0 42-36 40-70-1-10-6-17-16-20z', 0.18) +
    shine('M62 80c8-10 20-12 26-10-14 8-20 24-18 44-12-10-14-24-8-34z', 0.4),
})
