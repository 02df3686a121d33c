/** From addresses to pages. */
import type { ComponentType, ReactNode } from "react";
import { createBrowserRouter, redirect, type RouteObject } from "react-router";

import { Broken, FramedBroken, NotFound } from "./components/Fallback";
import { NotForYou } from "./components/NotForYou";
import { Shell } from "./components/Shell";
import { isLanguage } from "./language";
import type { Page, Role } from "./role";
import { ROLES } from "./routes";
import { speak } from "./text";
import { useWho } from "./who";

/** Shows a page to those whose it is. The node judges every request again: this is courtesy. */
function guarded(role: Role, Component: ComponentType): ComponentType {
  return function Guarded(): ReactNode {
    return role.may(useWho()) ? <Component /> : <NotForYou role={role} />;
  };
}

function route(role: Role, page: Page): RouteObject {
  const lazy = async (): Promise<{ Component: ComponentType }> => ({
    Component: guarded(role, (await page.load()).default),
  });
  return page.path === "" ? { index: true, lazy } : { path: page.path, lazy };
}

export function browserRouter(): ReturnType<typeof createBrowserRouter> {
  return createBrowserRouter([
    {
      path: "/:language",
      Component: Shell,
      ErrorBoundary: FramedBroken,
      HydrateFallback: () => null,
      loader: async ({ params }) => {
        if (!isLanguage(params["language"])) {
          return redirect("/");
        }
        await speak(params["language"]);
        return null;
      },
      children: [
        {
          ErrorBoundary: Broken,
          children: [
            ...ROLES.flatMap((role) => role.pages.map((page) => route(role, page))),
            { path: "*", Component: NotFound },
          ],
        },
      ],
    },
  ]);
}
