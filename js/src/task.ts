/** Calls back after others have had their turn. Timers would wait: 4 ms each, or a second where the page is hidden. */
export function inTask(callback: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    callback()
  }
  port2.postMessage(0)
}
