/** What an erasure did, as its certificates say. */
import type { ReactNode } from "react";

import { ShortId } from "../../components/ShortId";
import { useLanguage } from "../../language";
import { useText } from "../../text";
import { Done } from "./Done";
import type { Erased } from "./Erasure";
import { day, useNames } from "./words";

export function Certificates({ of }: { of: Erased }): ReactNode {
  const say = useText("portal_patient");
  const language = useLanguage();
  const told = of.told ?? [];
  const names = useNames(told);
  return (
    <>
      <Done title={say("erasure/done")}>
        <p>{say("erasure/keep_number")}</p>
      </Done>
      <ul className="lines">
        {of.parts.map(({ certificate, commitment }) => (
          <li key={commitment}>
            <strong>{say(`erasure/extent/${certificate.extent}`, { count: certificate.records.length })}</strong>
            {certificate.until === null ? null : (
              <div>{say("erasure/until", { until: day(certificate.until, language) })}</div>
            )}
          </li>
        ))}
      </ul>
      {told.length === 0 ? null : (
        <p>
          {say("erasure/told")} {told.map((each) => names.get(each) ?? say("looked/unknown_house")).join(" · ")}
        </p>
      )}
      <p>{say("erasure/number")} <ShortId id={of.erasure} /></p>
    </>
  );
}
