/** The key of a new device, from when it is made until the chain lets it sign. */
import { get, post } from "../api";
import type { Me } from "../roles/patient/reading";
import { type DeviceKey, deviceKeys, keyProof, makeDeviceKey } from "../sign";
import { put } from "../sign/store";
import { allowed } from "./keep";
import type { NewKeyState } from "./reading";

// Under a name of its own: until it counts, nothing may be signed with it.
function waiting(person: string): string {
  return `waiting/${person}`;
}

/** The key that waits on this device. */
export async function waitingKey(person: string): Promise<DeviceKey | undefined> {
  return (await deviceKeys(waiting(person)))[0];
}

/** Asks the guardians for this device's key; asked again, it is the same key. */
export async function askForKey(me: Me): Promise<NewKeyState> {
  const kept = await waitingKey(me.person);
  const made = kept ?? (await makeDeviceKey(waiting(me.person), await allowed()));
  const proof = await keyProof(made, me.person);
  return post("/v1/organisations/{organisation}/persons/{person}/new-key", {
    path: { ...me }, body: { key: made.key, proof },
  });
}

export type Here = "none" | "waits" | "signs";

/** What this device can do for the person: a key that took over meanwhile is put in its place. */
export async function here(person: string): Promise<Here> {
  const query = { owner: person, limit: 200 };
  const { items } = await get("/v1/identity/keys", { query });
  const standing = items.filter((each) => each.ended === null).map((each) => each.id);
  if ((await deviceKeys(person)).some((each) => standing.includes(each.id))) return "signs";
  const kept = await waitingKey(person);
  if (kept === undefined) return "none";
  if (!standing.includes(kept.id)) return "waits";
  // The newest key of a device is the one that signs.
  const moved: DeviceKey = { ...kept, owner: person, made: Date.now() };
  await put("keys", moved);
  return "signs";
}
