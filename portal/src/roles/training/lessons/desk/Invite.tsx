/** An invitation to see one's own records at home, and whose phone may take it. */
import { type ReactNode, useState } from "react";

import { useLanguage } from "../../../../language";
import { Invite as Inviting } from "../../../desk/Person";
import { Choose } from "../../Choose";
import { useHappening, useWorld } from "../../practice/Practice";
import { InPlace } from "../InPlace";
import type { Exercise } from "..";

const NO_CONTACTS = { webhook: null, email: null, phone: null, wechat: null };

export default function Invite({ onDone }: Exercise): ReactNode {
  const language = useLanguage();
  const { id, name, born } = useWorld().ward.person("wang");
  const [invited, setInvited] = useState(false);
  useHappening("invited", () => { setInvited(true); });
  return (
    <>
      <InPlace>
        <Inviting entry={{ person: id, name, born, language, provisional: false, contacts: NO_CONTACTS }} />
      </InPlace>
      {invited ? (
        <Choose words="lessons/invite" options={["desk", "son", "person"]} right="person" onRight={onDone} />
      ) : null}
    </>
  );
}
