/** What the services answer, as the pages read it. */

export type Language = 'sv' | 'fi' | 'en';
export type Names = Record<Language, string>;
export type Result = 'pass' | 'fail' | 'skipped';
export type Role = Attending | 'professional';
/** Who comes by a link. */
export type Attending = 'patient' | 'guardian' | 'interpreter' | 'relative' | 'visiting_professional';
export type PlaceState = 'identified' | 'waiting' | 'admitted' | 'refused' | 'left';
export type Kind = 'audio' | 'video';

export interface Checks {
  camera: Result;
  microphone: Result;
  speaker: Result;
  network: Result;
}

export interface Unit {
  id: string;
  name: Names;
}

/** How late the visit is, from its start; inferred when the call before still runs. */
export interface Delay {
  minutes: number;
  inferred: boolean;
  at: string;
}

/** The ready-made sentences; the words are `message.<code>`. */
export type Canned = 'soon' | 'stay' | 'device' | 'phone' | 'reschedule';

/** From a professional to one person: a ready-made sentence, or text of their own. */
export interface Message {
  message_id: string;
  code: Canned | null;
  text: string | null;
  at: string;
  by: { id: string; name: string };
  read_at: string | null;
}

/** Someone who is away was asked to come; the professional waits until then. */
export interface Summons {
  until: string;
}

export interface Place {
  person_id: string;
  role: Attending;
  state: PlaceState;
  version: number;
  since: string;
  reason: string | null;
  away_since: string | null;
}

/** GET /notifier/api/visit/channels: how someone can be called who does not look at the page. */
export interface Channels {
  push: boolean;
  text_messages: { possible: boolean; agreed: boolean; ends_with: string | null };
}

/** GET /lobby/api/visit */
export interface Visit {
  server_time: string;
  appointment: {
    appointment_id: string;
    unit: Unit;
    service: string;
    professional: { id: string; name: string };
    starts_at: string;
    ends_at: string;
    status: 'booked' | 'cancelled' | 'missed' | 'unserved' | 'ended';
  };
  place: Place;
  ahead: 'next' | 'few' | 'many' | null;
  can_ask: boolean;
  opens_at: string;
  admission: string | null;
  delay: Delay | null;
  summons: Summons | null;
  /** The newest, oldest first. */
  messages: Message[];
}

export interface Person {
  person_id: string;
  role: Attending;
  name: string;
  birth_year: number;
  method: string;
  state: PlaceState;
  version: number;
  since: string;
  /** When they first asked to join: the line goes by it. */
  asked_at: string | null;
  present: boolean;
  reason: string | null;
  /** Who admitted, refused or returned them. */
  by: { id: string; name: string } | null;
  checks: Checks | null;
  away_since: string | null;
  summons: Summons | null;
  /** The newest, oldest first. */
  messages: Message[];
}

export interface Appointment {
  appointment_id: string;
  unit: Unit;
  service: string;
  professional: { id: string; name: string };
  patient: { name: string };
  starts_at: string;
  ends_at: string;
  status: 'booked' | 'cancelled' | 'missed' | 'unserved' | 'ended';
  invitation: 'unknown' | 'failed';
  /** Why it failed, as a code of the mail's. */
  invitation_reason: string | null;
  delay: Delay | null;
  in_call: boolean;
  people: Person[];
}

/** GET /lobby/api/queue */
export interface Queue {
  server_time: string;
  professional: { id: string; name: string };
  units: Unit[];
  appointments: Appointment[];
}

/** One e-mail about an appointment. */
export interface Delivery {
  delivery_id: string;
  recipient: string;
  kind: 'invitation' | 'update' | 'cancellation' | 'reminder' | 'delay';
  state: 'queued' | 'sending' | 'accepted' | 'failed' | 'obsolete';
  reason: string | null;
  /** When it is to leave, if it has not. */
  wanted_at: string;
  settled_at: string | null;
}

/** Who is written to: the patient, or a companion of this role. */
export interface Recipient {
  recipient: string;
  role: 'interpreter' | 'relative' | 'professional' | null;
  /** As much of it as tells whether it is the right one. */
  address: string;
  /** The code of why nothing can be sent again, if so. */
  not_again: string | null;
}

/** GET /invitation/api/appointments/{appointment_id} */
export interface Invitation {
  recipients: Recipient[];
  deliveries: Delivery[];
}

/** One line of the queue: an appointment, and the person who came for it, if anybody did. */
export interface Row {
  key: string;
  group: 'waiting' | 'in_call' | 'coming' | 'over';
  appointment: Appointment;
  person: Person | null;
}

/** Whom a doorbell has woken last; null while only pages ring. */
export type Rung = 'push' | 'colleague' | 'duty';

/** Somebody who waits. `acknowledged` says who noticed first, and how; nobody is woken after it. */
export interface Doorbell {
  appointment_id: string;
  person_id: string;
  unit_id: string;
  since: string;
  rung: Rung | null;
  acknowledged: { by: string; at: string; how: 'acknowledged' | 'messaged' | 'summoned' } | null;
}

/** GET /notifier/api/doorbells */
export interface Doorbells {
  server_time: string;
  doorbells: Doorbell[];
}

/** POST /notifier/api/doorbells/{appointment}/{person}/acknowledgement */
export interface Acknowledged {
  doorbell: Doorbell;
}

/** The stream's notices about doorbells, told to staff only. `by` is a professional's id. */
export type DoorbellNotice = { id: number; appointment_id: string; person_id: string; at: string } & (
  | { topic: 'doorbell.rung'; rung: Rung }
  | { topic: 'doorbell.acknowledged'; by: string }
);

/** application/problem+json */
export interface Problem {
  status: number;
  code: string;
  title?: string;
  by?: string;
  opens_at?: string;
}

export interface MediaOn {
  microphone: boolean;
  camera: boolean;
}

export interface Member {
  member: string;
  role: Role;
  polite: boolean;
  media: MediaOn;
}

/** What one browser says to another: one of description, candidate and ask. */
export interface Signal {
  /** The speaker's RTCPeerConnection, and the one it is meant for, as far as that is known. */
  connection: string | null;
  meant_for: string | null;
  /** Counts the offers of a connection. */
  round: number | null;
  ask: 'offer' | 'restart' | null;
  description: RTCSessionDescriptionInit | null;
  candidate: RTCIceCandidateInit | null;
}

/** What identity says of a session, all by its own clock. */
export interface SessionTimes {
  server_time: string;
  renew_at: string;
  warn_at: string;
  ends_at: string;
  may_stay: boolean;
}

export type EndedBy = 'professional' | 'patient' | 'guardian' | 'silence';

/** What signalling says; `seq` counts from 1 in each session. */
export type Frame =
  | { type: 'welcome'; seq: number; protocol: number; session: string; resumed: boolean; you: string; members: Member[]; ice_servers: RTCIceServer[]; started_at: string | null }
  | { type: 'waiting'; seq: number }
  | { type: 'joined'; seq: number; member: Member }
  | { type: 'gone'; seq: number; member: string; reason: 'left' | 'lost' | 'expired' }
  | ({ type: 'signal'; seq: number; from: string } & Signal)
  | ({ type: 'media'; seq: number; member: string } & MediaOn)
  | { type: 'ice'; seq: number; ice_servers: RTCIceServer[] }
  | { type: 'ended'; seq: number; by: EndedBy; seconds: number }
  | { type: 'error'; seq: number; code: string; message: string; action: 'resume' | 'reconnect' | 'stop' };

/** What a page says to signalling. */
export type Said =
  | ({ type: 'signal'; to: string } & Signal)
  | ({ type: 'media' } & MediaOn)
  | { type: 'ice' }
  | { type: 'leave'; for_everyone: boolean };

/** What a push message says: ready sentences, in the language of whoever gets it. */
export interface Pushed {
  title: string;
  body: string;
  tag: string;
  /** The page that it is about. */
  opens: string;
  language: Language;
}

interface LastingEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}

/** As much of a service worker as ours uses; the types of pages know none. */
export interface PushWorker {
  registration: ServiceWorkerRegistration;
  clients: {
    claim(): Promise<void>;
    matchAll(which: { type: 'window'; includeUncontrolled: boolean }): Promise<{ url: string; focus(): Promise<unknown> }[]>;
    openWindow(path: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', heard: (event: LastingEvent) => void): void;
  addEventListener(type: 'push', heard: (event: LastingEvent & { data: { json(): Pushed } | null }) => void): void;
  addEventListener(type: 'notificationclick', heard: (event: LastingEvent & { notification: Notification }) => void): void;
}

declare global {
  interface Window {
    /** A door for support and for tests: the connection to the other person, while there is one. */
    videomottagning?: { peer: () => RTCPeerConnection | null };
  }
}
