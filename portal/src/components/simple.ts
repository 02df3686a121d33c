/** Simple mode: large type, one column. Kept by the browser, for it is about the reader's eyes. */
import { useLocalStorage } from "@mantine/hooks";
import { useEffect } from "react";

export function useSimple(): readonly [boolean, (on: boolean) => void] {
  const [on, setOn] = useLocalStorage({ key: "yilian-large-type", defaultValue: false });
  useEffect(() => {
    document.documentElement.toggleAttribute("data-simple", on);
  }, [on]);
  return [on, setOn];
}
