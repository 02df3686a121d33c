/** What can I learn here, how far am I, and what have I to show for it? */
import { Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { useLanguage, usePath } from "../../language";
import { useText } from "../../text";
import { useWho } from "../../who";
import { day } from "../patient/words";
import { type Issued, useHouse, useOwnTraining } from "./calls";
import { type Course, coursesFor, minutes } from "./courses";
import { useProgress } from "./progress";

export default function Training(): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const courses = coursesFor(useWho());
  const house = useHouse();
  return (
    <>
      <PageTitle tab={say("title")}>{say("title")}</PageTitle>
      <p>{say("about")}</p>
      <ul className="lines">
        {courses.map((each) => (
          <Line key={each.name} of={each} />
        ))}
      </ul>
      {house === "" ? (
        <p>
          {say("sign_in_for_more")} <Link to={path("sign-in")}>{say("sign_in")}</Link>
        </p>
      ) : (
        <Credentials />
      )}
    </>
  );
}

function Line({ of }: { of: Course }): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const { count } = useProgress();
  return (
    <li>
      <Title order={2} size="h3">
        <Link to={path(`training/courses/${of.name}`)}>{say(`courses/${of.name}/title`)}</Link>
      </Title>
      <div>{say(`courses/${of.name}/about`)}</div>
      <span className="beside">
        {say("progress", { done: count(of), of: of.lessons.length, minutes: minutes(of) })}
      </span>
    </li>
  );
}

function Credentials(): ReactNode {
  const say = useText("portal_training");
  const found = useOwnTraining();
  return (
    <>
      <Title order={2} mt="lg">{say("credentials/title")}</Title>
      <Query of={found}>
        {({ credentials }) =>
          credentials.length === 0 ? (
            <p className="standing">{say("credentials/none")}</p>
          ) : (
            <ul className="lines">
              {credentials.map((each) => <Credential key={each.credential} of={each} />)}
            </ul>
          )
        }
      </Query>
    </>
  );
}

function Credential({ of }: { of: Issued }): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const language = useLanguage();
  return (
    <li>
      <strong>
        <Link to={path(`training/credentials/${of.credential}`)}>{say(`courses/${of.course}/title`)}</Link>
      </strong>
      <div>{say("credentials/line", { day: day(of.issued, language), band: of.band })}</div>
      {of.withdrawn == null ? null : <strong>{say("credentials/withdrawn")}</strong>}
    </li>
  );
}
