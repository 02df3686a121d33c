import "@mantine/core/styles.css";
import "./shell.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app";
import { isLanguage } from "./language";
import { start } from "./session/start";
import { start as startSending } from "./sign/start";
import { startText } from "./text";

async function main(): Promise<void> {
  const root = document.getElementById("root");
  const [, first] = window.location.pathname.split("/");
  await startText(isLanguage(first) ? first : "en");
  start();
  startSending();
  if (root !== null) {
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    );
  }
}

void main();
