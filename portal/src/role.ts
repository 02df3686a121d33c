/** What a role brings to the portal. Each has a folder below `roles/` and one line in `routes.tsx`. */
import type { ComponentType } from "react";

import type { Who } from "./who";

export interface PageModule {
  default: ComponentType;
}

export interface Page {
  /** Behind the language: `explorer/blocks/:height`. */
  readonly path: string;
  /** Loaded when somebody goes there: every page is a file of its own to the browser too. */
  readonly load: () => Promise<PageModule>;
}

export interface NavigationItem {
  /** A page's path. */
  readonly to: string;
  /** A key of the role's text file. */
  readonly label: string;
}

export interface Role {
  /** Its folder's name; its words are in `portal_<name>.json`. */
  readonly name: string;
  readonly may: (who: Who | undefined) => boolean;
  readonly navigation: readonly NavigationItem[];
  readonly pages: readonly Page[];
}

/** The page that somebody of a role comes to first. */
export function firstPage(role: Role): string {
  return role.navigation[0]?.to ?? "";
}

export function textFile(role: Role): string {
  return `portal_${role.name}`;
}
