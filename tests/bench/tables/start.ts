import {
  startEmptyServer,
  startFieldstream,
  startFieldstreamTask,
} from "../process.ts";
import { printTable, Samples } from "../table.ts";

/** How long until the first answer to `/health`. */
export async function printStart(): Promise<void> {
  const empty = "deno run, an empty Deno.serve";
  const starters = {
    [empty]: startEmptyServer,
    "deno run main.ts": () => startFieldstream("http://127.0.0.1:1"),
    "deno task start": startFieldstreamTask,
  };
  const delays = new Samples();
  for (let round = -1; round < 7; round++) {
    for (const [name, start] of Object.entries(starters)) {
      const { begun, server } = await start();
      await using _ = server;
      const url = await server.url();
      await (await fetch(`${url}/health`)).body?.cancel();
      if (round >= 0) delays.add(name, performance.now() - begun);
    }
  }
  printTable(
    "From the start to the first answer to /health",
    ["", "ms", `to ${empty}`],
    delays.names.map((name) => [
      name,
      delays.median(name).toFixed(0),
      delays.ratio(name, empty),
    ]),
  );
}
