/**
 * What the bytes say, in words: made from the bytes that are about to be signed and nothing else.
 *
 * Each message gives one sentence and, below it, all its fields in full. A message, a field or a
 * word for one that this build does not have is refused: nothing is signed that was not shown.
 */

import { readBody, type Body, type Message } from "./body";
import { isObject, type Json, type JsonObject } from "./canonical";
import { keyId, type PublicKey } from "./keys";
import { refuse } from "./refusal";
import { REGISTRY, fieldsOf, type Field, type Shape } from "./registry";
import { exactMoment, visible, type Speech } from "./speech";
import { find, load, pieces, say, type Language, type Lexicon, type Words } from "./words";

/** A run of a sentence; `full` where the words shorten or translate what stands in the bytes. */
export interface Part {
  text: string;
  full?: string;
}

/** One field in full: where it stands, what it is, and its exact value. */
export interface Detail {
  place: string;
  label: string;
  value: string;
}

/** A message in words. */
export interface Sentence {
  type: string;
  parts: Part[];
  text: string;
  details: Detail[];
}

/** A body in words: its messages, and who signs for whom until when. */
export interface Said {
  body: Body;
  sentences: Sentence[];
  frame: Detail[];
}

interface Voice {
  speech: Speech;
  own: Words;
  words: Words;
  key: string;
}

/** Say what bytes mean, one sentence for each message. `make` gives the way of saying values. */
export async function sentence(
  bytes: Uint8Array, language: Language, make: (own: Words) => Speech,
): Promise<Said> {
  const body = readBody(bytes);
  const lexicon = await load(language, body.messages.map((each) => each.type.split(".")[0] ?? ""));
  const own = lexicon("portal_sign");
  const speech = make(own);
  const sentences: Sentence[] = [];
  for (const message of body.messages) sentences.push(await told(message, speech, lexicon));
  const frame: Detail[] = [];
  for (const field of REGISTRY.body) {
    const value = (body as unknown as JsonObject)[field.name];
    const label = say(own, "frame", field.name);
    frame.push(...(await details(value, field, field.name, label, { speech, own, words: own, key: "" })));
  }
  return { body, sentences, frame };
}

async function told(message: Message, speech: Speech, lexicon: Lexicon): Promise<Sentence> {
  const [capability = "", name = ""] = message.type.split(".");
  const key = `${capability}.${snakeCase(name)}`;
  const own = lexicon("portal_sign");
  const voice = { speech, own, words: lexicon(capability), key };
  const parts: Part[] = [];
  const listed: Detail[] = [];
  for (const field of fieldsOf(message.type)) {
    const label = find(own, "labels", `${message.type}.${field.name}`)
      ?? say(voice.words, key, "fields", field.name);
    listed.push(...(await details(message[field.name], field, field.name, label, voice)));
  }
  const fields = new Map(fieldsOf(message.type).map((each) => [each.name, each]));
  const shown = new Set<string>();
  for (const piece of pieces(say(voice.words, key, "sentence"))) {
    if ("words" in piece) {
      parts.push({ text: piece.words });
    } else {
      const field = fields.get(piece.place);
      if (field === undefined) throw notShown(message.type, piece.place);
      shown.add(piece.place);
      parts.push(await part(message[field.name], field, `${message.type}.${field.name}`, voice));
    }
  }
  for (const name of fields.keys()) if (!shown.has(name)) throw notShown(message.type, name);
  return { type: message.type, parts, text: parts.map((each) => each.text).join(""), details: listed };
}

async function part(
  value: Json | undefined, shape: Shape, owner: string, voice: Voice,
): Promise<Part> {
  const text = await words(value, shape, owner, voice);
  const full = await exact(value, shape, voice.own);
  return text === full ? { text } : { text, full };
}

async function words(
  value: Json | undefined, shape: Shape, owner: string, voice: Voice,
): Promise<string> {
  const { speech, own } = voice;
  if (value === undefined) return shape.kind === "flag" ? say(own, "no") : say(own, "none");
  switch (shape.kind) {
    case "moment": return speech.moment(value as number);
    case "flag": return say(own, value === true ? "yes" : "no");
    case "choice": return speech.choice(owner, value as string);
    case "text": return speech.text(value as string);
    case "whole": return (value as number).toFixed(0);
    case "id": case "digest": case "bytes": return speech.mark(value as string);
    case "key": return speech.mark(await keyId(value as unknown as PublicKey));
    case "approval": {
      const { key } = value as unknown as { key: PublicKey };
      return speech.mark(await keyId(key));
    }
    case "list": {
      const items = (value as Json[]).map((each) => words(each, shape.item ?? shape, owner, voice));
      return speech.list(await Promise.all(items));
    }
    case "action": return action(value as JsonObject, shape, owner, voice);
  }
}

async function action(
  value: JsonObject, shape: Shape, owner: string, voice: Voice,
): Promise<string> {
  const name = value["do"] as string;
  const fields = shape.actions?.[name] ?? [];
  const made: string[] = [];
  const shown = new Set<string>();
  for (const piece of pieces(say(voice.words, voice.key, "actions", name))) {
    if ("words" in piece) {
      made.push(piece.words);
    } else {
      const field = fields.find((each) => each.name === piece.place);
      if (field === undefined) throw notShown(owner, piece.place);
      shown.add(piece.place);
      made.push(await words(value[field.name], field, `${owner}.${field.name}`, voice));
    }
  }
  for (const each of fields) if (!shown.has(each.name)) throw notShown(owner, each.name);
  return made.join("");
}

async function details(
  value: Json | undefined, shape: Shape, place: string, label: string, voice: Voice,
): Promise<Detail[]> {
  if (Array.isArray(value) && shape.item !== undefined && value.length > 0) {
    const each = value.map((item, at) =>
      details(item, shape.item ?? shape, `${place}.${at}`, `${label} ${at + 1}`, voice));
    return (await Promise.all(each)).flat();
  }
  if (isObject(value)) return nested(value, shape, place, label, voice);
  return [{ place, label, value: await exact(value, shape, voice.own) }];
}

async function nested(
  value: JsonObject, shape: Shape, place: string, label: string, voice: Voice,
): Promise<Detail[]> {
  const named = shape.kind === "action" ? { kind: "text", name: "do" } as Field : undefined;
  const fields = shape.kind === "action" ? shape.actions?.[value["do"] as string] : shape.fields;
  const made: Detail[] = [];
  if (shape.kind === "key") {
    const id = await keyId(value as unknown as PublicKey);
    made.push({ place: `${place}.id`, label: `${label}: ${say(voice.own, "parts", "id")}`, value: id });
  }
  for (const field of [...(named === undefined ? [] : [named]), ...(fields ?? [])]) {
    const part = find(voice.words, voice.key, "fields", `${place}.${field.name}`)
      ?? say(voice.own, "parts", field.name);
    made.push(...(await details(value[field.name], field, `${place}.${field.name}`, `${label}: ${part}`, voice)));
  }
  return made;
}

/** Write a value so that no two values of its kind are written alike. */
async function exact(value: Json | undefined, shape: Shape, own: Words): Promise<string> {
  if (value === undefined) return shape.kind === "flag" ? say(own, "no") : say(own, "none");
  if (shape.kind === "moment") return exactMoment(value as number);
  if (shape.kind === "flag") return say(own, value === true ? "yes" : "no");
  if (shape.kind === "key") return keyId(value as unknown as PublicKey);
  if (Array.isArray(value)) {
    const items = value.map((each) => exact(each, shape.item ?? shape, own));
    return value.length === 0 ? say(own, "none") : (await Promise.all(items)).join(" ");
  }
  if (isObject(value)) return visible(JSON.stringify(value));
  return typeof value === "string" ? visible(value) : String(value);
}

function notShown(type: string, field: string): Error {
  return refuse("not_shown", `${type}.${field}`);
}

/** Write a class name as its texts are named: `AnchorBatch` is `anchor_batch`. */
export function snakeCase(name: string): string {
  return name.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
}
