// Repetitions of all systems, whichever of them fail.

/**
 * Calls `take(system)` for each repetition of each system and gives `{system, figures}` of those that
 * succeeded and the failures by system. A system that fails is not tried again, and the others go on.
 * `report` is given a line of progress after each.
 */
export async function measure({ systems, repetitions }, take, report) {
  const done = []
  const failures = new Map()
  for (let number = 0; number < repetitions; number++) {
    for (const system of turned(systems, number)) {
      if (failures.has(system)) continue
      const start = Date.now()
      try {
        done.push({ system, figures: await take(system) })
      } catch (error) {
        failures.set(system, error.message)
      }
      const seconds = ((Date.now() - start) / 1000).toFixed(0)
      const failure = failures.has(system) ? `, FAILED: ${failures.get(system)}` : ''
      report(`repetition ${number + 1} of ${repetitions}: ${system}, ${seconds} s${failure}`)
    }
  }
  return { done, failures }
}

/** The systems in another order each repetition, so that none always follows the same one or runs on a fresher machine. */
function turned(systems, number) {
  const place = number % systems.length
  const order = [...systems.slice(place), ...systems.slice(0, place)]
  return number % 2 === 0 ? order : order.reverse()
}
