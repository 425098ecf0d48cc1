# docs/deploy.md says how to run it.
FROM denoland/deno:2.9.6

WORKDIR /app
COPY deno.json deno.lock start.ts main.ts serve.ts ./
COPY without_jsr ./without_jsr
COPY README.md README.zh-CN.md llms.txt ./
COPY docs ./docs
COPY static ./static
COPY lib ./lib
RUN deno cache $(deno run -A without_jsr/flags.ts) main.ts serve.ts lib/app/store.ts

# For STORE=sqlite:/data/answers.db
RUN mkdir /data && chown deno:deno /data
VOLUME /data
USER deno

ENV HOST=0.0.0.0 PORT=5001
EXPOSE 5001
CMD ["run", "-A", "start.ts"]
