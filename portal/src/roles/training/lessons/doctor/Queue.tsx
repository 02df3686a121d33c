/** Two people of one name wait: open the right record, and read in it what must not be missed. */
import { Title } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useText } from "../../../../text";
import { Entries } from "../../../doctor/Record";
import { Persons } from "../../../doctor/Waiting";
import { Choose } from "../../Choose";
import { useWorld } from "../../practice/Practice";
import { InPlace } from "../InPlace";
import type { Exercise } from "..";

export default function Queue({ onDone }: Exercise): ReactNode {
  const say = useText("portal_training");
  const own = useText("portal_doctor");
  const { ward } = useWorld();
  const [waiting] = useState(() => ward.waiting());
  const [entries] = useState(() => ward.entries());
  const [opened, setOpened] = useState<string>();
  const wanted = ward.person("wang");
  return (
    <>
      <InPlace onFollow={setOpened}>
        <Persons of={waiting} />
      </InPlace>
      <div role="status">
        {opened === undefined || opened === wanted.id ? null : <p>{say("lessons/queue/another")}</p>}
      </div>
      {opened !== wanted.id ? null : (
        <>
          <Title order={2} mt="lg">{own("record/title_of", { name: wanted.name })}</Title>
          <Entries of={entries} />
          <Choose
            words="lessons/queue"
            options={["metformin", "penicillin", "aspirin"]}
            right="penicillin"
            onRight={onDone}
          />
        </>
      )}
    </>
  );
}
