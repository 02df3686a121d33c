/** Passkeys as browsers make and use them (WebAuthn Level 3): found by the device, never by name. */

import { toBytes, toText } from "../sign/bytes";
import { trouble } from "./trouble";

const PATIENCE = 240_000;

export interface Wanted {
  readonly rpId: string;
  readonly rpName: string;
  readonly handle: string;
  readonly label: string;
  readonly algorithms: readonly number[];
  readonly known: readonly string[];
}

/** Tells whether this browser can have passkeys at all. */
export function canHavePasskeys(): boolean {
  return "PublicKeyCredential" in globalThis && "credentials" in navigator;
}

/** Makes a passkey; the device asks its owner to unlock it. */
export async function makePasskey(
  challenge: Uint8Array<ArrayBuffer>,
  wanted: Wanted,
): Promise<{ client_data: string; attestation: string }> {
  const made = await asked(() =>
    navigator.credentials.create({
      publicKey: {
        challenge,
        rp: { id: wanted.rpId, name: wanted.rpName },
        user: { id: toBytes(wanted.handle), name: wanted.label, displayName: wanted.label },
        pubKeyCredParams: wanted.algorithms.map((alg) => ({ type: "public-key", alg })),
        excludeCredentials: wanted.known.map((id) => ({ type: "public-key", id: toBytes(id) })),
        authenticatorSelection: {
          residentKey: "required",
          requireResidentKey: true,
          userVerification: "required",
        },
        attestation: "none",
        timeout: PATIENCE,
      },
    }),
  );
  const response = made.response as AuthenticatorAttestationResponse;
  return { client_data: text(response.clientDataJSON), attestation: text(response.attestationObject) };
}

/** Signs a challenge with whichever passkey its owner chooses. */
export async function showPasskey(
  challenge: Uint8Array<ArrayBuffer>,
  rpId: string,
): Promise<Record<string, string>> {
  const shown = await asked(() =>
    navigator.credentials.get({
      publicKey: { challenge, rpId, userVerification: "required", timeout: PATIENCE },
    }),
  );
  const response = shown.response as AuthenticatorAssertionResponse;
  const handle = response.userHandle;
  return {
    credential: text(shown.rawId),
    client_data: text(response.clientDataJSON),
    authenticator_data: text(response.authenticatorData),
    signature: text(response.signature),
    ...(handle === null || handle.byteLength === 0 ? {} : { user_handle: text(handle) }),
  };
}

async function asked(act: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (!canHavePasskeys()) throw trouble("no_passkeys");
  try {
    const found = await act();
    if (found === null) throw trouble("cancelled");
    return found as PublicKeyCredential;
  } catch (error) {
    if (error instanceof DOMException) {
      if (error.name === "SecurityError") throw trouble("wrong_address");
      if (error.name === "InvalidStateError") throw trouble("known_here");
      if (error.name === "NotSupportedError") throw trouble("no_passkeys");
      // NotAllowedError is all that browsers say of refused, closed, and waited too long.
      throw trouble("cancelled");
    }
    throw error;
  }
}

function text(buffer: ArrayBuffer): string {
  return toText(new Uint8Array(buffer));
}
