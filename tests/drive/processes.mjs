import { readFile, readdir } from 'node:fs/promises'

/** Every process of this machine: its id, its parent's, and its command line. */
export async function processes() {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    ids.map(async (id) => {
      try {
        const [stat, command] = await Promise.all([
          readFile(`/proc/${id}/stat`, 'utf8'),
          readFile(`/proc/${id}/cmdline`, 'utf8'),
        ])
        // The name in brackets may hold spaces and brackets.
        const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return { pid: Number(id), parent: Number(parent), command: command.split('\0').join(' ') }
      } catch {
        return undefined // It has ended meanwhile.
      }
    }),
  )
  return found.filter((one) => one !== undefined)
}

/** A process's children, theirs, and so on. */
export async function descendants(pid) {
  const all = await processes()
  const found = []
  for (let parents = [pid]; parents.length > 0; ) {
    const children = all.filter(({ parent }) => parents.includes(parent))
    found.push(...children)
    parents = children.map((child) => child.pid)
  }
  return found
}

/** SIGKILL, at once, in the order given; a negative number stands for a process group. */
export function kill(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
}
