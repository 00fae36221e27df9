// Reads calendar entries with ical.js, for the tests: a list of texts in, what each says out.
// The time zone is the one in the entry, and not one that ical.js knows.

import { readFileSync } from "node:fs";
import ICAL from "ical.js";

function told(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  const zone = new ICAL.Timezone(calendar.getFirstSubcomponent("vtimezone"));
  ICAL.TimezoneService.reset();
  ICAL.TimezoneService.register(zone);
  const [component, ...more] = calendar.getAllSubcomponents("vevent");
  if (more.length) throw new Error("one event was expected");
  const event = new ICAL.Event(component);
  const alarm = component.getFirstSubcomponent("valarm");
  const start = event.startDate.toUnixTime();
  return {
    method: calendar.getFirstPropertyValue("method"),
    uid: event.uid,
    sequence: event.sequence,
    written: component.getFirstPropertyValue("dtstamp").toUnixTime(),
    starts: start,
    ends: event.endDate.toUnixTime(),
    status: component.getFirstPropertyValue("status"),
    summary: event.summary,
    description: event.description,
    organizer: event.organizer,
    attendee: event.attendees[0].getFirstValue(),
    alarm: alarm && alarm.getFirstPropertyValue("trigger").toSeconds() / 60,
  };
}

const texts = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(texts.map(told)));
