/** Which sentence tells a refusal: the codes themselves are for those who look closer. */
export type Reason = "paper" | "signatures" | "strangers" | "clock" | "witnesses" | "shown" | "kind";

const REASONS: readonly (readonly [Reason, readonly string[]])[] = [
  ["kind", ["unsupported_format", "unsupported_block_version", "outdated_algorithm"]],
  ["signatures", ["bad_signature", "wrong_vote_count", "wrong_vote_order", "repeated_vote", "not_enough_power"]],
  ["strangers", ["unknown_validators", "wrong_chain", "height_not_above_trust"]],
  ["clock", ["trust_expired", "header_from_future"]],
  ["witnesses", ["no_witnesses", "too_few_witnesses", "bad_cosignature", "witness_from_future", "not_in_log", "wrong_log", "log_not_signed"]],
  ["shown", ["shown_differs", "proof_of_another", "content_differs"]],
];

/** The sentence for a code; what is not named above speaks of a paper that was altered. */
export const reasonOf = (code: string): Reason =>
  REASONS.find(([, codes]) => codes.includes(code))?.[0] ?? "paper";
