/** Books, music, tools, the outdoors, and the parcel that stands for everything else. */

import { area, shade, shine, stroke, type Shape } from './shape'

export const headphones: Shape = (p) => ({
  width: 54,
  floor: 170,
  art:
    stroke('M44 118c-6-110 118-110 112 0', p.deepLine, 15) +
    stroke('M44 116c-5-104 117-104 112 0', p.line, 8) +
    stroke('M58 60c20-26 60-28 82-2', p.light, 3, 'opacity=".7"') +
    stroke('M46 108v20M154 108v20', p.metalLine, 7) +
    `<rect x="28" y="104" width="40" height="64" rx="18" fill="${p.body}"/><rect x="132" y="104" width="40" height="64" rx="18" fill="${p.body}"/>` +
    `<rect x="56" y="108" width="20" height="56" rx="10" fill="${p.ink}"/><rect x="124" y="108" width="20" height="56" rx="10" fill="${p.ink}"/>` +
    `<circle cx="44" cy="136" r="11" fill="${p.accent}"/><circle cx="156" cy="136" r="11" fill="${p.accent}"/>` +
    shine(
      'M34 120c2-8 8-12 14-12-6 10-8 28-4 50-10-4-14-24-10-38zM138 120c0-8 2-10 6-12-2 14-2 32 2 50-8-6-8-26-8-38z',
      0.3,
    ),
})

export const speaker: Shape = (p) => ({
  width: 46,
  floor: 170,
  art:
    `<rect x="54" y="28" width="92" height="142" rx="14" fill="${p.body}"/><rect x="62" y="36" width="76" height="126" rx="9" fill="${p.ink}"/>` +
    `<circle cx="100" cy="66" r="18" fill="${p.metal}"/><circle cx="100" cy="66" r="14" fill="#14151a"/><circle cx="100" cy="66" r="5" fill="${p.accent}"/>` +
    `<circle cx="100" cy="120" r="32" fill="${p.metal}"/><circle cx="100" cy="120" r="27" fill="#1a1b21"/><circle cx="100" cy="120" r="19" fill="${p.ink}"/><circle cx="100" cy="120" r="9" fill="${p.accent}"/>` +
    shine('M80 106c8-12 24-16 34-10-14 2-22 10-24 22-8 0-12-6-10-12z', 0.16) +
    shine('M56 40c0-6 4-10 10-10h6c-6 40-8 90-6 138-6 0-10-4-10-10z', 0.24),
})

export const camera: Shape = (p) => ({
  width: 66,
  floor: 156,
  art:
    area('M76 62l8-18h32l8 18z', p.metal) +
    `<rect x="136" y="54" width="18" height="12" rx="3" fill="${p.metal}"/>` +
    `<rect x="30" y="60" width="140" height="96" rx="14" fill="${p.metal}"/><rect x="30" y="78" width="140" height="60" fill="${p.body}"/>` +
    `<circle cx="102" cy="108" r="42" fill="${p.ink}"/><circle cx="102" cy="108" r="33" fill="${p.metal}"/><circle cx="102" cy="108" r="28" fill="#10131c"/><circle cx="102" cy="108" r="18" fill="hsl(222 40% 24%)"/><circle cx="102" cy="108" r="9" fill="#0a0c12"/>` +
    shine('M84 94c6-10 20-14 28-10-12 4-18 12-20 24-8-2-12-8-8-14z', 0.5) +
    `<circle cx="50" cy="69" r="5" fill="${p.accentLine}"/>` +
    shine('M32 70c0-4 4-8 8-8h10v92h-8c-6 0-10-4-10-10z', 0.14),
})

export const screen: Shape = (p) => ({
  width: 70,
  floor: 160,
  art:
    area('M86 130h28l6 26H80z', p.metal) +
    `<rect x="62" y="152" width="76" height="8" rx="4" fill="${p.metal}"/>` +
    `<rect x="24" y="40" width="152" height="96" rx="9" fill="${p.ink}"/><rect x="31" y="47" width="138" height="78" rx="4" fill="${p.body}"/>` +
    area('M31 108l36-30 26 22 30-34 46 40v15c0 2-2 4-4 4H35c-2 0-4-2-4-4z', p.deep) +
    `<circle cx="134" cy="66" r="9" fill="#fff3cf"/>` +
    shine('M31 51c0-2 2-4 4-4h60l-40 78H35c-2 0-4-2-4-4z', 0.14),
})

export const guitar: Shape = (p) => ({
  width: 44,
  floor: 176,
  art:
    `<g transform="rotate(24 100 110)">` +
    area('M94 6h12l3 22h-18z', p.ink) +
    `<rect x="95" y="24" width="10" height="78" fill="${p.wood}"/>` +
    stroke('M95 40h10M95 52h10M95 64h10M95 76h10', p.metalLine, 1.4) +
    area(
      'M100 84c12 0 30-2 32 14 1 12-8 14-8 24s18 16 16 38c-2 18-22 24-40 24s-38-6-40-24c-2-22 16-28 16-38s-9-12-8-24c2-16 20-14 32-14z',
      p.body,
    ) +
    `<circle cx="100" cy="128" r="13" fill="#1c130b"/><circle cx="100" cy="128" r="16" fill="none" stroke="${p.light}" stroke-width="1.8"/>` +
    `<rect x="84" y="158" width="32" height="6" rx="2" fill="${p.ink}"/>` +
    stroke('M97 24v136M100 24v136M103 24v136', '#fff', 0.8, 'opacity=".75"') +
    shine('M74 96c4-8 12-8 18-8-12 8-10 20-14 32-8 10-18 22-14 44-8-18-4-30 6-40 6-8 2-20 4-28z', 0.3) +
    '</g>',
})

export const drum: Shape = (p) => ({
  width: 58,
  floor: 164,
  art:
    area('M44 80h112v66c0 24-112 24-112 0z', p.round) +
    stroke('M52 92l18 64 20-56 20 58 20-58 18 52', p.light, 2.6, 'opacity=".8"') +
    area('M42 132c20 20 96 20 116 0v14c0 26-116 26-116 0z', p.metal) +
    area('M42 74h116v16c-20 18-96 18-116 0z', p.metal) +
    `<ellipse cx="100" cy="76" rx="58" ry="19" fill="${p.pale}"/>` +
    stroke('M70 66L28 32M134 64l34-34', 'hsl(30 46% 52%)', 5) +
    '<circle cx="71" cy="67" r="5" fill="#f6ead2"/><circle cx="133" cy="65" r="5" fill="#f6ead2"/>',
})

export const book: Shape = (p) => {
  const motif = Math.floor(p.pick(1) * 3)
  return {
    width: 48,
    floor: 172,
    art:
      area('M62 34h82c4 0 6 2 6 6v126c0 4-2 6-6 6H62c-8 0-12-4-12-12V46c0-8 4-12 12-12z', p.deep) +
      area('M58 154h90v14H62c-10 0-10-14-4-14z', p.pale) +
      stroke('M60 159h87M60 163h87', '#b9ab94', 1) +
      area('M62 28h82c4 0 6 2 6 6v120H62c-6 0-10 2-12 6V40c0-8 4-12 12-12z', p.body) +
      shade('M50 40c0-8 4-12 12-12h2v126h-2c-6 0-10 2-12 6z', 0.24) +
      (motif === 0
        ? `<circle cx="108" cy="84" r="24" fill="${p.accent}"/>` +
          area('M74 112l22-26 16 16 12-12 20 22v12H74z', p.deep)
        : motif === 1
          ? stroke('M82 60h50M82 72h50M82 84h36', p.light, 5) + `<circle cx="124" cy="122" r="10" fill="${p.accent}"/>`
          : area('M108 50l10 24 26 2-20 17 7 25-23-14-23 14 7-25-20-17 26-2z', p.accent)) +
      stroke('M84 138h46', p.light, 3.6) +
      shine('M68 28h26L70 154h-2z', 0.16),
  }
}

export const tent: Shape = (p) => ({
  width: 80,
  floor: 162,
  art:
    area('M100 46L24 160h52z', p.body) +
    area('M100 46l-24 114h48z', p.deep) +
    area('M100 46l24 114h52z', p.body) +
    shade('M100 46l24 114h52z', 0.2) +
    area('M100 74l-14 86h28z', '#1d1710', 'opacity=".75"') +
    area('M100 74l14 86h12z', p.accent) +
    stroke('M100 46l-4-10M100 46l4-10', p.metalLine, 3) +
    stroke('M24 160l-10 6M176 160l10 6', p.metalLine, 2) +
    shine('M96 54L36 152l-6 2z', 0.34),
})

export const hammer: Shape = (p) => ({
  width: 46,
  floor: 172,
  art:
    `<g transform="rotate(28 100 100)"><rect x="91" y="60" width="18" height="118" rx="7" fill="${p.wood}"/><rect x="90" y="120" width="20" height="58" rx="8" fill="${p.body}"/>` +
    stroke('M91 134h18M91 146h18M91 158h18', p.deepLine, 2, 'opacity=".6"') +
    area('M62 34h60c10 0 14 8 30 8v10c-14 0-20 12-32 12H62c-4 0-6-2-6-6V40c0-4 2-6 6-6z', p.metal) +
    `<rect x="48" y="30" width="16" height="38" rx="4" fill="${p.ink}"/>` +
    shine('M68 38h50c8 0 14 4 22 6-20 2-50 4-72 2z', 0.5) +
    '</g>',
})

export const ball: Shape = (p) => ({
  width: 48,
  floor: 166,
  art:
    `<circle cx="100" cy="104" r="60" fill="${p.body}"/>` +
    area('M100 44c-30 30-30 90 0 120 30-30 30-90 0-120z', p.pale) +
    stroke('M42 90c36 20 80 20 116 0', p.accentLine, 7) +
    shade('M146 66c22 40-4 92-60 96 40 10 74-20 74-58 0-16-6-28-14-38z', 0.2) +
    shine('M58 78c10-18 30-26 46-24-22 8-34 24-38 46-10-4-12-14-8-22z', 0.4),
})

export const parcel: Shape = (p) => ({
  width: 58,
  floor: 166,
  art:
    area('M44 88h112v70c0 5-3 8-8 8H52c-5 0-8-3-8-8z', p.body) +
    shade('M44 88h112v10H44z', 0.18) +
    `<rect x="36" y="66" width="128" height="26" rx="5" fill="${p.body}"/>` +
    area('M88 66h24v100H88z', p.accent) +
    shade('M88 92h24v6H88z', 0.2) +
    area('M100 66c-10-30-48-36-46-14 2 14 30 16 46 14zM100 66c10-30 48-36 46-14-2 14-30 16-46 14z', p.accent) +
    area('M96 62c-10-12-26-16-28-8 2 8 18 8 28 8zM104 62c10-12 26-16 28-8-2 8-18 8-28 8z', p.deep, 'opacity=".4"') +
    shine('M40 68h30v22H40zM48 98h18v64H54c-4 0-6-2-6-6z', 0.2),
})
