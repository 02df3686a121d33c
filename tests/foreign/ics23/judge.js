// Judge existence proofs of the state tree with the JavaScript implementation of ICS-23.
//
// Reads and writes what main.go does. Version 0.6.8 of the package hashes no key in its smtSpec, so
// the key is handed over hashed: the leaf comes out the same. It knows no empty children beside the
// way to a neighbour, so it cannot judge absence.
"use strict";

const crypto = require("crypto");
const readline = require("readline");
const { ics23, verifyExistence } = require("@confio/ics23");
const { smtSpec } = require("@confio/ics23/build/proofs");

const hex = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const utf8 = (text) => Uint8Array.from(Buffer.from(text, "utf8"));
const hashed = (text) => Uint8Array.from(crypto.createHash("sha256").update(text, "utf8").digest());

function verdict(claim) {
  const exist = claim.proof.exist;
  const proof = {
    key: hashed(exist.key),
    value: utf8(exist.value),
    leaf: smtSpec.leafSpec,
    path: exist.path.map((step) => ({
      hash: ics23.HashOp.SHA256,
      prefix: hex(step.prefix),
      suffix: hex(step.suffix),
    })),
  };
  try {
    verifyExistence(proof, smtSpec, hex(claim.root), hashed(claim.key), utf8(claim.value));
    return true;
  } catch {
    return false;
  }
}

readline
  .createInterface({ input: process.stdin, crlfDelay: Infinity })
  .on("line", (line) => console.log(verdict(JSON.parse(line))));
