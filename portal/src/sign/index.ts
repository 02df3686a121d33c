/** What is shown in words is what is signed: the door of this folder. */

export { LASTS, assemble, makeBody, readBody, renewBody, signedBytes, transactionHash } from "./body";
export type { Asked, Body, Message } from "./body";
export { newId, toBytes, toText, type Bytes } from "./bytes";
export {
  deviceKey, deviceKeys, forgetDeviceKey, keyId, keyProof, makeDeviceKey, signWith,
} from "./keys";
export type { DeviceKey, PublicKey } from "./keys";
export { isGrant, openedSentence, termsCommitment, type Opened } from "./opened";
export { discard, draft, entries, flush, onChange, send, sign, type Entry } from "./outbox";
export { preparedGrant } from "./prepared";
export { SignRefusal } from "./refusal";
export { type Follow, FollowedBy } from "./follow";
export { signedRequest } from "./request";
export { sentence, type Said, type Sentence } from "./sentence";
export { exactSpeech, plainSpeech } from "./speech";
export { start } from "./start";
export { Outbox } from "./Outbox";
export { WhatIsSigned } from "./WhatIsSigned";
