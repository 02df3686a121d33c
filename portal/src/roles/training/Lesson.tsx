/** One lesson: a few plain words, then something to do with the portal's own parts. */
import { Button, Group } from "@mantine/core";
import { type ReactNode, Suspense, useCallback, useState } from "react";
import { Link, useParams } from "react-router";

import { NotFound } from "../../components/Fallback";
import { PageTitle } from "../../components/Page";
import { Loading } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { type Course, courseOf, type Lesson as OneLesson } from "./courses";
import { EXERCISES } from "./lessons";
import { Practice } from "./practice/Practice";
import { learnerOf } from "./practice/world";
import { useProgress } from "./progress";

export default function Lesson(): ReactNode {
  const { course: named, lesson } = useParams();
  const course = courseOf(named);
  const found = course?.lessons.find((each) => each.name === lesson);
  if (course === undefined || found === undefined) return <NotFound />;
  return <Known key={`${course.name}/${found.name}`} course={course} of={found} />;
}

function Known({ course, of }: { course: Course; of: OneLesson }): ReactNode {
  const say = useText("portal_training");
  const { finish } = useProgress();
  const [done, setDone] = useState(false);
  const Exercise = EXERCISES[of.name];
  const title = say(`lessons/${of.name}/title`);
  const at = course.lessons.indexOf(of) + 1;
  const onDone = useCallback(() => {
    setDone(true);
    finish(course, of.name);
  }, [course, of, finish]);
  return (
    <>
      <PageTitle tab={title}>{title}</PageTitle>
      <p className="beside">
        {say("place", { course: say(`courses/${course.name}/title`), at, of: course.lessons.length })}{" "}
        {say("minutes", { count: of.minutes })}
      </p>
      <Practice as={learnerOf(course.name)}>
        <p>{say(`lessons/${of.name}/about`)}</p>
        <p>
          <strong>{say("task")}</strong> {say(`lessons/${of.name}/task`)}
        </p>
        <Suspense fallback={<Loading />}>
          <Exercise onDone={onDone} />
        </Suspense>
      </Practice>
      <div role="status">{done ? <p><strong>✓ {say("lesson_done")}</strong></p> : null}</div>
      <Onward course={course} at={at} />
    </>
  );
}

function Onward({ course, at }: { course: Course; at: number }): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const next = course.lessons[at];
  const home = `training/courses/${course.name}`;
  return (
    <Group mt="lg">
      <Button component={Link} to={path(home)} size="md" variant="outline">{say("to_course")}</Button>
      {next === undefined ? null : (
        <Button component={Link} to={path(`${home}/${next.name}`)} size="md">
          {say("next", { title: say(`lessons/${next.name}/title`) })}
        </Button>
      )}
    </Group>
  );
}
