/** A course: its lessons in order, what is done already, and the quiz at the end. */
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { NotFound } from "../../components/Fallback";
import { PageTitle } from "../../components/Page";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useHouse } from "./calls";
import { type Course as OneCourse, courseOf, minutes } from "./courses";
import { useProgress } from "./progress";

export default function Course(): ReactNode {
  const found = courseOf(useParams()["course"]);
  return found === undefined ? <NotFound /> : <Known of={found} />;
}

function Known({ of }: { of: OneCourse }): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const { done, count } = useProgress();
  const next = of.lessons.find(({ name }) => !done(of, name));
  const title = say(`courses/${of.name}/title`);
  return (
    <>
      <PageTitle tab={title}>{title}</PageTitle>
      <p>{say(`courses/${of.name}/about`)}</p>
      <p>{say("progress", { done: count(of), of: of.lessons.length, minutes: minutes(of) })}</p>
      <ol className="lines">
        {of.lessons.map((each) => (
          <li key={each.name}>
            <Link to={path(`training/courses/${of.name}/${each.name}`)}>
              {say(`lessons/${each.name}/title`)}
            </Link>{" "}
            <span className="beside">
              {say("minutes", { count: each.minutes })}
              {done(of, each.name) ? ` · ✓ ${say("done")}` : null}
            </span>
          </li>
        ))}
      </ol>
      {next === undefined ? null : (
        <Button component={Link} to={path(`training/courses/${of.name}/${next.name}`)} size="lg">
          {say(count(of) === 0 ? "begin" : "go_on")}
        </Button>
      )}
      {of.quiz === undefined ? null : <ToQuiz of={of} ready={next === undefined} />}
    </>
  );
}

function ToQuiz({ of, ready }: { of: OneCourse; ready: boolean }): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const house = useHouse();
  if (house === "") return <p>{say("quiz/sign_in")}</p>;
  if (!ready) return <p>{say("quiz/after")}</p>;
  return (
    <Button component={Link} to={path(`training/courses/${of.name}/quiz`)} size="lg">
      {say("quiz/to")}
    </Button>
  );
}
