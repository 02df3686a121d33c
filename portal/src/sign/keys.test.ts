import "fake-indexeddb/auto";

import { describe, expect, test } from "vitest";

import { fromUtf8, newId, toBytes, toText, utf8 } from "./bytes";
import {
  approvalText, deviceKey, deviceKeys, forgetDeviceKey, keyId, keyProof, keyProofText, makeDeviceKey,
  signWith,
} from "./keys";
import { claimText, contentDigest, headerValue, signedRequest, type Claim } from "./request";
import { SUITES } from "./suites";
import { SIGNING } from "./vectors";

describe("what the ledger works out, worked out here", () => {
  test.each(SIGNING.keys)("$key.suite", async (each) => {
    expect(await keyId(each.key)).toBe(each.id);
    expect(fromUtf8(keyProofText(each.owner, each.key))).toBe(each.proof);
    expect(fromUtf8(approvalText(each.recovery, each.owner, each.key))).toBe(each.approval);
  });

  test("a signed request", async () => {
    const { request, content, signed, header } = SIGNING.request;
    const claim = request as unknown as Claim;
    expect(await contentDigest(utf8(content))).toBe(claim.body);
    expect(fromUtf8(claimText(claim))).toBe(signed);
    expect(headerValue(claim, new Uint8Array(64))).toBe(header);
  });
});

describe.each(["ed25519", "ecdsa-p256"] as const)("a device key of %s", (suite) => {
  test("is kept, signs, proves itself and cannot be taken out", async () => {
    const owner = newId();
    const made = await makeDeviceKey(owner, [suite]);
    const kept = await deviceKey(made.id);
    expect((await deviceKeys(owner)).map((each) => each.id)).toEqual([made.id]);
    expect(kept?.key).toEqual(made.key);
    expect(toBytes(made.key.public).length).toBe(suite === "ed25519" ? 32 : 33);
    expect(kept?.pair.privateKey.extractable).toBe(false);
    for (const format of ["pkcs8", "jwk", "raw"] as const) {
      await expect(crypto.subtle.exportKey(format, made.pair.privateKey)).rejects.toThrow();
    }
    const proof = toBytes(await keyProof(kept ?? made, owner));
    const text = keyProofText(owner, made.key);
    expect(proof.length).toBe(64);
    expect(await crypto.subtle.verify(SUITES[suite].used, made.pair.publicKey, proof, text)).toBe(true);
    await forgetDeviceKey(made.id);
    expect(await deviceKey(made.id)).toBeUndefined();
  });

  test("does not sign under another key's name", async () => {
    const [one, two] = [await makeDeviceKey(newId(), [suite]), await makeDeviceKey(newId(), [suite])];
    await expect(signWith({ ...one, pair: two.pair }, utf8("x"))).rejects.toThrow("bad_signature");
    const mixed = { privateKey: one.pair.privateKey, publicKey: two.pair.publicKey };
    await expect(signWith({ ...two, pair: mixed }, utf8("x"))).rejects.toThrow("bad_signature");
  });
});

test("the s of ECDSA is at most half the order", async () => {
  const made = await makeDeviceKey(newId(), ["ecdsa-p256"]);
  for (let at = 0; at < 40; at += 1) {
    expect((await signWith(made, utf8(String(at))))[32]).toBeLessThan(0x80);
  }
});

test("the first suite that the chain allows is taken, and none is made up", async () => {
  expect((await makeDeviceKey(newId(), ["ml-dsa-65", "ecdsa-p256"])).key.suite).toBe("ecdsa-p256");
  await expect(makeDeviceKey(newId(), ["ml-dsa-65", "toString"])).rejects.toThrow("no_suite");
});

test("a request is signed once for its path, method and body", async () => {
  const made = await makeDeviceKey(newId(), ["ed25519"]);
  const ask = () => signedRequest(made, "test", "post", "/v1/x?a=1", utf8("{}"), 1000);
  const [one, two] = [await ask(), await ask()];
  expect(one["Yilian-Request"]).not.toBe(two["Yilian-Request"]);
  const claim = JSON.parse(fromUtf8(toBytes((one["Yilian-Request"] ?? "").split(".")[0] ?? ""))) as Claim;
  expect(claim).toMatchObject({
    chain: "test", sender: made.owner, key: made.id, method: "POST", path: "/v1/x?a=1",
    body: toText(toBytes(await contentDigest(utf8("{}")))), expires: 46_000,
  });
});
