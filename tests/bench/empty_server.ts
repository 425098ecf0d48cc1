Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`listens on http://127.0.0.1:${port}/`),
}, () => new Response("ok"));
