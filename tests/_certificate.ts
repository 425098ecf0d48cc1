/** A certificate for localhost, as openssl makes one. */

import { assertEquals } from "@std/assert";

/**
 * Makes `certificate.pem`, `key.pem` and `both.pem`; as long as a test runs they
 * are good.
 */
export async function makeCertificate(
  directory: string,
): Promise<{ cert: string; key: string }> {
  const { success } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-addext", "subjectAltName=DNS:localhost"],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-keyout", `${directory}/key.pem`],
      ...["-out", `${directory}/certificate.pem`],
    ],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).output();
  assertEquals(success, true, "openssl makes a certificate");
  const read = (name: string) => Deno.readTextFile(`${directory}/${name}`);
  const cert = await read("certificate.pem");
  const key = await read("key.pem");
  await Deno.writeTextFile(`${directory}/both.pem`, cert + key);
  return { cert, key };
}
