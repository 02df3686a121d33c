import "fake-indexeddb/auto";

import { beforeEach, expect, it } from "vitest";

import { ProblemError, UNREACHABLE } from "../../problem";
import { carryOut, type Line, lines, sendWaiting, strike } from "./waiting";

const HERE = "organisation-1";
let counted = 0;

function order(organisation = HERE): Omit<Line, "number"> {
  counted += 1;
  const key = `key-${counted}`;
  return { organisation, action: "dispense", code: key, at: counted, order: { key, at: counted } };
}

const away = (): Promise<never> =>
  Promise.reject(new ProblemError({ code: UNREACHABLE, status: 0 }));
const refusing = (status: number) => (): Promise<never> =>
  Promise.reject(new ProblemError({ code: "supply.already_dispensed", status }));

beforeEach(async () => {
  for (const each of await lines(HERE)) await strike(each.number);
});

it("keeps what could not be sent, and sends it once, the oldest first, with the same bytes", async () => {
  const first = order();
  const second = order();
  expect((await carryOut(first, away)).state).toBe("waiting");
  expect((await carryOut(second, away)).state).toBe("waiting");
  const sent: Line[] = [];
  const send = (line: Line): Promise<string> => {
    sent.push(line);
    return Promise.resolve(line.order.key);
  };
  await sendWaiting(HERE, send);
  expect(sent.map((each) => each.order)).toEqual([first.order, second.order]);
  await sendWaiting(HERE, send);
  expect(sent).toHaveLength(2);
  expect(await lines(HERE)).toEqual([]);
});

it("sends what waits before what is new", async () => {
  const first = order();
  await carryOut(first, away);
  const sent: string[] = [];
  const outcome = await carryOut(order(), (line) => {
    sent.push(line.order.key);
    return Promise.resolve(line.order.key);
  });
  expect(outcome).toEqual({ state: "done", done: sent[1] });
  expect(sent[0]).toBe(first.order.key);
});

it("tells a refusal at once and keeps nothing of it", async () => {
  const outcome = await carryOut(order(), refusing(409));
  expect(outcome.state).toBe("refused");
  expect(await lines(HERE)).toEqual([]);
});

it("shows what was refused later, and does not send it again", async () => {
  await carryOut(order(), away);
  await sendWaiting(HERE, refusing(409));
  const [kept] = await lines(HERE);
  expect(kept?.refused?.code).toBe("supply.already_dispensed");
  let sent = 0;
  await sendWaiting(HERE, () => {
    sent += 1;
    return Promise.resolve();
  });
  expect(sent).toBe(0);
});

it.each([0, 401, 429, 503])("judges nothing by an answer with status %i", async (status) => {
  await carryOut(order(), refusing(status));
  const [kept] = await lines(HERE);
  expect(kept?.refused).toBeUndefined();
});

it("does not send another organisation's lines", async () => {
  await carryOut(order("organisation-2"), away);
  let sent = 0;
  await sendWaiting(HERE, () => {
    sent += 1;
    return Promise.resolve();
  });
  expect(sent).toBe(0);
  expect(await lines("organisation-2")).toHaveLength(1);
});
