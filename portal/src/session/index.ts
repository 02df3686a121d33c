/** Who is signed in, and how they come in: the door of this folder. */
export { HEADER, sessionHeader } from "./claim";
export type { Kept, Kind, SignedIn } from "./keep";
export { session } from "./session";
export * from "./steps";
export { Trouble, TROUBLES, type TroubleName } from "./trouble";
