/** First screen: scan or type a code, see what it is, and do what is allowed now. */
import { type ReactNode, useState } from "react";
import { useSearchParams } from "react-router";

import { useText } from "../../text";
import { CameraDoor } from "../public/scan/camera/CameraDoor";
import { useOrganisation } from "./calls";
import { CodeForm } from "./CodeForm";
import { Found } from "./Found";
import { Here } from "./Here";
import { useNews } from "./news";
import { useHere } from "./place";
import { TradePage } from "./TradePage";

export default function Scan(): ReactNode {
  const say = useText("portal_supply");
  const here = useHere(useOrganisation());
  useNews();
  const [search, setSearch] = useSearchParams();
  const code = search.get("code") ?? "";
  const [looks, setLooks] = useState(0);
  const show = (wanted: string): void => {
    setSearch(wanted === "" ? {} : { code: wanted });
    setLooks((before) => before + 1);
  };
  return (
    <TradePage page="scan">
      <CodeForm code={code} about={say("scan/code_about")} look={show} />
      <CameraDoor found={show} />
      {code === "" ? <p className="standing">{say("scan/begin")}</p> : null}
      {code === "" ? null : <Found key={`${looks} ${code}`} code={code} gln={here.gln} />}
      <Here of={here} />
    </TradePage>
  );
}
