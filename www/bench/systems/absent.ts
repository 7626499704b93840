/** Stands in for the package while none is packed. */
export async function open(): Promise<never> {
  throw new Error('no packed package: run `cargo xtask pack` first')
}
