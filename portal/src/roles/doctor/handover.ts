/** The text by which a new device's key goes to a device that may let it in, and the code to compare. */
import { type DeviceKey, keyId, keyProof, type Message, type PublicKey } from "../../sign";

const TYPE = "identity.AddKey";
const SHOWN = 8;

/** A key that asks to be let in. */
export interface Asking {
  readonly message: Message;
  /** The key's id. */
  readonly id: string;
}

/** The message that a key which the chain knows already signs to let this one in. */
export async function handover(key: DeviceKey): Promise<Message> {
  const { suite, public: text } = key.key;
  return { type: TYPE, key: { suite, public: text }, proof: await keyProof(key, key.owner) };
}

/** Reads such a text; undefined for any other. */
export async function asking(text: string): Promise<Asking | undefined> {
  try {
    const found = JSON.parse(text) as { type?: unknown; key?: unknown; proof?: unknown };
    const { suite, public: point } = found.key as { suite?: unknown; public?: unknown };
    const whole = [suite, point, found.proof].every((each) => typeof each === "string");
    if (found.type !== TYPE || !whole) return undefined;
    const key = { suite: suite as string, public: point as string };
    return { message: { type: TYPE, key, proof: found.proof as string }, id: await keyId(key) };
  } catch {
    return undefined;
  }
}

/** What both devices show of a key, so that one can see that it is the same: `abcd efgh`. */
export function comparable(id: string): string {
  return `${id.slice(0, SHOWN / 2)} ${id.slice(SHOWN / 2, SHOWN)}`;
}

/** The command that lets a key in where the key that the chain knows is a file. */
export function command(
  node: string,
  subject: string,
  organisation: string,
  made: Message,
): string {
  const { key, proof } = made as Message & { key: PublicKey; proof: string };
  return [
    "yilian identity add-key",
    `--node=${node}`,
    `--sender=${subject}`,
    `--payer=${organisation}`,
    `--new-key=${key.suite}:${key.public}`,
    `--proof=${proof}`,
    "--key=KEY_FILE",
  ].join(" ");
}
