/** A link and a file that the node made (`gateway/links`), opened with the browser's own means. */
import { afterEach, expect, test, vi } from "vitest";

import { decrypt, fetchFile, placeOf, readLink } from "./shl";
import vector from "./shl.vector.json";
import { linesOf } from "./shown";
import { TroubleError } from "./trouble";

const ORIGIN = "https://hospital.example";

function troubleOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof TroubleError ? error.trouble : String(error);
  }
  return "none";
}

function linkOf(said: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(said));
  return `shlink:/${Buffer.from(bytes).toString("base64url")}`;
}

function answers(...made: readonly Response[]): ReturnType<typeof vi.fn> {
  const waiting = [...made];
  const asked = vi.fn(() => Promise.resolve(waiting.shift() ?? Response.error()));
  vi.stubGlobal("fetch", asked);
  return asked;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a link is read, with or without a page's address before it", () => {
  const link = readLink(`${ORIGIN}/en/open#${vector.link}`);
  expect(link).toEqual(readLink(vector.link));
  expect(link).toMatchObject({ flag: "P", label: "化验结果", exp: 1796000000 });
  expect(placeOf(link.url, ORIGIN)).toBe(`/shl/${"A".repeat(43)}`);
});

test("what is no link is said to be none", () => {
  const key = readLink(vector.link).key;
  const url = `${ORIGIN}/shl/x`;
  const bad = ["", "#", "shlink:/", "shlink:/%%%", "shlink:/bm8", linkOf([]), linkOf(null)];
  for (const text of [...bad, linkOf({ url }), linkOf({ key }), linkOf({ url, key: `${key}A` })]) {
    expect(troubleOf(() => readLink(text))).toBe("no_link");
  }
  expect(troubleOf(() => readLink(linkOf({ url, key, v: 2 })))).toBe("newer");
  expect(readLink(linkOf({ url, key, later: 1 })).flag).toBe("");
});

test("addresses elsewhere are not asked", () => {
  const elsewhere = ["https://evil.example/shl/x", `${ORIGIN}/v1/status`, "shl/x", "javascript:1"];
  for (const url of [...elsewhere, "http://hospital.example/shl/x"]) {
    expect(troubleOf(() => placeOf(url, ORIGIN))).toBe("elsewhere");
  }
});

test("the node's file opens with the link's key, and its records are listed", async () => {
  const plain = await decrypt(vector.file, readLink(vector.link).key);
  const bundle: unknown = JSON.parse(new TextDecoder().decode(plain));
  expect(bundle).toEqual(vector.bundle);
  expect(linesOf(bundle)).toEqual([
    { key: "0", type: "Observation", title: "血糖", when: "2026-11-01", value: "5.1 mmol/L" },
    { key: "1", type: "Condition", title: "Asthma", when: "", value: "" },
  ]);
  expect(linesOf({ entry: [null, 1, { resource: [] }] })).toEqual([]);
});

test("a changed file, another key or another way of encrypting does not open", async () => {
  const { key } = readLink(vector.link);
  const parts = vector.file.split(".");
  const changed = parts.map((part, place) => {
    const other = part.startsWith("A") ? "B" : "A";
    return parts.map((each, at) => (at === place ? other + part.slice(1) : each)).join(".");
  });
  const head = Buffer.from('{"alg":"dir","enc":"A128GCM"}').toString("base64url");
  const other = [head, ...parts.slice(1)].join(".");
  for (const file of [...changed, other, "", "a.b", `${vector.file}.x`]) {
    await expect(decrypt(file, key)).rejects.toMatchObject({ trouble: "damaged" });
  }
  await expect(decrypt(vector.file, "A".repeat(43))).rejects.toMatchObject({ trouble: "damaged" });
});

test("the manifest is asked for with name and passcode, and nothing of this browser", async () => {
  const asked = answers(Response.json({ files: [{ embedded: "jwe" }] }));
  const link = readLink(vector.link);
  expect(await fetchFile(link, "Dr Wang", "2468", ORIGIN)).toBe("jwe");
  const [path, how] = asked.mock.calls[0] as [string, RequestInit];
  expect(path).toBe(`/shl/${"A".repeat(43)}`);
  expect(how).toMatchObject({ method: "POST", credentials: "omit" });
  expect(how.body).toBe('{"recipient":"Dr Wang","passcode":"2468"}');
  expect(JSON.stringify([path, how])).not.toContain(link.key);
});

test("a file at its own address, and a link that is a file itself", async () => {
  const location = `${ORIGIN}/shl/x/file/y`;
  const asked = answers(Response.json({ files: [{ location }] }), new Response("far"));
  const link = readLink(vector.link);
  expect(await fetchFile(link, "me", "2468", ORIGIN)).toBe("far");
  expect(asked.mock.calls[1]?.[0]).toBe("/shl/x/file/y");
  const direct = answers(new Response("file"));
  expect(await fetchFile({ ...link, flag: "U" }, "王 & 李", undefined, ORIGIN)).toBe("file");
  expect(direct.mock.calls[0]?.[0]).toContain("?recipient=%E7%8E%8B+%26+%E6%9D%8E");
  answers(Response.json({ files: [{ location: "https://evil.example/shl/y" }] }));
  await expect(fetchFile(link, "me", "2468", ORIGIN)).rejects.toMatchObject({ trouble: "elsewhere" });
});

test("refusals are told apart as far as the node tells them apart", async () => {
  const link = readLink(vector.link);
  for (const [response, trouble] of [
    [Response.json({ remainingAttempts: 3 }, { status: 401 }), { trouble: "passcode_wrong", left: 3 }],
    [Response.json({}, { status: 404 }), { trouble: "not_there" }],
    [new Response("", { status: 429 }), { trouble: "too_often" }],
    [new Response("", { status: 503 }), { trouble: "unreachable" }],
    [Response.json({ files: [] }), { trouble: "damaged" }],
  ] as const) {
    answers(response);
    await expect(fetchFile(link, "me", "2468", ORIGIN)).rejects.toMatchObject(trouble);
  }
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
  await expect(fetchFile(link, "me", "1", ORIGIN)).rejects.toMatchObject({ trouble: "unreachable" });
});
