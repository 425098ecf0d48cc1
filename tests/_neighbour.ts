// Somebody else who uses a server that is attacked, on a thread of its own: asks
// for /health at the address that it is told, again and again, and tells how
// long each answer took in milliseconds, or -1 where none came.

declare const self: Worker;

/** The pause between two requests, in milliseconds. */
const PAUSE = 20;

self.onmessage = async ({ data: url }: MessageEvent<string>) => {
  for (;;) {
    const start = performance.now();
    try {
      const response = await fetch(`${url}/health`);
      await response.body!.cancel();
      self.postMessage(response.ok ? performance.now() - start : -1);
    } catch {
      self.postMessage(-1);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
};
