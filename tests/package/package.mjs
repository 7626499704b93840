// Where the packed package is, unpacked as in a shop's node_modules.
import { cp, mkdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const top = path => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export const PACKAGE = process.env.PANNIER_PACKAGE ?? top('target/package/pannier')
export const PAGE = top('tests/package/page')

/** A folder of a shop's that has the package installed and nothing else; made anew. */
export async function shopFolder(name) {
  const folder = top(`target/package/${name}`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await cp(PACKAGE, `${folder}/node_modules/pannier`, { recursive: true })
  return folder
}
