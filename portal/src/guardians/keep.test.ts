/** A guardian's code and approval are those of the law: the values come from the command line. */
import { expect, test } from "vitest";

import { commitmentOf, isCode } from "./keep";

const KEY = { suite: "ed25519", public: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const SALT = "A".repeat(43);

test("the commitment is that of `yilian keys guardian`", async () => {
  expect(await commitmentOf(KEY, SALT)).toBe("-cJfS1F8WPoaNoWzk3gQepB9uKVE_dDz7apJakGwBMk");
});

test.each([
  ["-cJfS1F8WPoaNoWzk3gQepB9uKVE_dDz7apJakGwBMk", true],
  ["", false],
  ["A".repeat(42), false],
  [`${"A".repeat(42)}B`, false],
  ["A".repeat(44), false],
  ["王".repeat(43), false],
])("%s is a code: %s", (text, is) => {
  expect(isCode(text)).toBe(is);
});
