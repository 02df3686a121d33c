/** The text of a new key is read back as it was written, and nothing else is taken for one. */
import { expect, test } from "vitest";

import { keyId } from "../../sign";
import { asking, command, comparable } from "./handover";

const KEY = { suite: "ed25519", public: "A".repeat(43) };
const MESSAGE = { type: "identity.AddKey", key: KEY, proof: "-proof" };

test("a text is read with the id that the key will have", async () => {
  const found = await asking(` ${JSON.stringify(MESSAGE)}\n`);
  expect(found?.message).toEqual(MESSAGE);
  expect(found?.id).toBe(await keyId(KEY));
  expect(comparable(found?.id ?? "")).toMatch(/^[\w-]{4} [\w-]{4}$/);
});

test.each([
  "",
  "null",
  "[]",
  "{}",
  JSON.stringify(MESSAGE).slice(1),
  JSON.stringify({ ...MESSAGE, type: "identity.RevokeKey" }),
  JSON.stringify({ ...MESSAGE, proof: 1 }),
  JSON.stringify({ ...MESSAGE, key: undefined }),
  JSON.stringify({ ...MESSAGE, key: { ...KEY, public: null } }),
  JSON.stringify({ ...MESSAGE, key: { ...KEY, public: "not base64url!" } }),
])("what is no such text is not taken: %s", async (text) => {
  expect(await asking(text)).toBeUndefined();
});

test("only what is in the message goes on to be signed", async () => {
  const found = await asking(JSON.stringify({ ...MESSAGE, on_behalf_of: "somebody" }));
  expect(found?.message).toEqual(MESSAGE);
});

test("a command's values cannot be taken for options", () => {
  const made = command("http://localhost:1", "-subject", "-organisation", MESSAGE);
  expect(made).toContain("--sender=-subject --payer=-organisation");
  expect(made).toContain(`--new-key=ed25519:${KEY.public} --proof=-proof`);
});
