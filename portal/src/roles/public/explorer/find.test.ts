import { expect, test } from "vitest";

import { gtin, guesses } from "./find";

test.each([
  ["09506000134352", "09506000134352"],
  ["9506000134352", "09506000134352"],
  ["95060001343524", undefined],
  ["9506000134353", undefined],
  ["12", undefined],
  ["", undefined],
])("GTIN %s", (typed, wanted) => {
  expect(gtin(typed)).toBe(wanted);
});

test.each([
  ["12", ["block"]],
  [" # 1,204", ["block"]],
  ["#1204", ["block"]],
  ["9506000134352", ["product", "block"]],
  ["(01)09506000134352", ["product", "block"]],
  ["A".repeat(64), ["transaction"]],
  ["ks3chst0T3PS7kxKOTGg1w", ["id"]],
  ["ks3chst0T3PS7kxKOTGg1x", ["name"]],
  ["云溪医院", ["name"]],
  ["   ", []],
])("%s is looked for as %j", (typed, kinds) => {
  expect(guesses(typed).map((each) => each.kind)).toEqual(kinds);
});
