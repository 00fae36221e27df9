// Suomi.fi as far as a browser can tell, on npm's samlp: single sign-on in this browser, a
// signed response with an encrypted assertion, cancel, and logout both ways.
// node samlp.mjs settings.json

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import samlp from 'samlp';

const told = JSON.parse(readFileSync(process.argv[2], 'utf-8'));
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
const sessions = new Map(); // of browsers, by cookie

const ours = {
  issuer: told.issuer,
  cert: told.certificate,
  key: told.key,
  signatureAlgorithm: 'rsa-sha256',
  digestAlgorithm: 'sha256',
};

class Mapper {
  constructor(user) {
    this.user = user;
  }
  getClaims() {
    return this.user.person.attributes;
  }
  getNameIdentifier() {
    return { nameIdentifier: this.user.nameId, nameIdentifierFormat: TRANSIENT };
  }
}

function answer(request, response, next) {
  const { user } = request.session;
  return samlp.auth({
    ...ours,
    signResponse: true,
    signingCert: told.service.signingCertificate,
    destination: told.service.acs,
    recipient: told.service.acs,
    authnContextClassRef: user.person.level ?? told.level,
    lifetimeInSeconds: 300,
    encryptionCert: told.service.encryptionCertificate,
    encryptionPublicKey: told.service.encryptionKey,
    encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes128-gcm',
    keyEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
    sessionIndex: user.index,
    getUserFromRequest: () => user,
    profileMapper: (who) => new Mapper(who),
    getPostURL: (audience, _, __, found) =>
      audience === told.service.entityId ? found(null, told.service.acs) : found(new Error('unknown')),
  })(request, response, next);
}

function cancel(request, response, next) {
  samlp.parseRequest(request, { signingCert: told.service.signingCertificate }, (wrong, asked) => {
    if (wrong) return next(wrong);
    return samlp.sendError({
      ...ours,
      signResponse: true,
      destination: told.service.acs,
      inResponseTo: asked.id,
      RelayState: request.query.RelayState,
      error: { code: 'urn:oasis:names:tc:SAML:2.0:status:AuthnFailed', description: 'cancelled' },
      getPostURL: (_, found) => found(null, told.service.acs),
    })(request, response, next);
  });
}

function logout(request, response, next) {
  const { session } = request;
  const { user } = session;
  session.participants ??= user ? [{
    serviceProviderId: told.service.entityId,
    sessionIndex: user.index,
    nameId: user.nameId,
    nameIdFormat: TRANSIENT,
    serviceProviderLogoutURL: told.service.slo,
    cert: told.service.signingCertificate,
    binding: REDIRECT,
  }] : [];
  return samlp.logout({
    ...ours,
    deflate: true,
    destination: told.service.slo,
    protocolBinding: REDIRECT,
    sessionParticipants: new (Participants())(session.participants),
    clearIdPSession: (done) => {
      delete session.user;
      delete session.participants;
      done();
    },
  })(request, response, next);
}

function Participants() {
  return class {
    constructor(all) {
      this.all = all;
    }
    matching(issuer, index, nameId) {
      const indexes = [index].flat();
      return this.all.findIndex(
        (each) => each.serviceProviderId === issuer && indexes.includes(each.sessionIndex) && each.nameId === nameId,
      );
    }
    get(issuer, index, nameId, found) {
      found(null, this.all[this.matching(issuer, index, nameId)]);
    }
    hasElements() {
      return this.all.length > 0;
    }
    getFirst(found) {
      found(null, this.all[0]);
    }
    remove(issuer, index, nameId, done) {
      const at = this.matching(issuer, index, nameId);
      done(null, at < 0 ? undefined : this.all.splice(at, 1)[0]);
    }
  };
}

const doors = {
  '/sso': (request, response, next) =>
    request.session.user ? answer(request, response, next) : response.send(choice(request.url)),
  '/choose': (request, response, next) => {
    const person = told.persons.find((each) => each.key === request.query.person);
    request.session.user = { person, nameId: `_${randomUUID()}`, index: `_${randomUUID()}` };
    return answer(request, response, next);
  },
  '/cancel': cancel,
  '/slo': logout,
  // A logout that another service began: ours is told in a frame, without cookies.
  '/elsewhere': (_, response) => response.send('<!doctype html><title>Logout</title><iframe src="/slo"></iframe>'),
};

function choice(address) {
  const query = address.slice(address.indexOf('?'));
  const link = (hook, to, text) => `<li><a ${hook} href="${to.replaceAll('&', '&amp;')}">${text}</a></li>`;
  const people = told.persons.map((each) =>
    link(`data-person="${each.key}"`, `/choose${query}&person=${each.key}`, each.key));
  const language = new URLSearchParams(query).get('locale');
  return `<!doctype html><html lang="${language}"><title>Test provider</title><ul>${people.join('')}
    ${link('data-cancel', `/cancel${query}`, 'Cancel')}</ul></html>`;
}

function dressed(request, response) {
  const place = new URL(request.url, told.url);
  request.query = Object.fromEntries(place.searchParams);
  request.body = {};
  const known = /(?:^|; )idp=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  const id = sessions.has(known) ? known : randomUUID();
  if (!sessions.has(id)) sessions.set(id, {});
  request.session = sessions.get(id);
  response.setHeader('Set-Cookie', `idp=${id}; Path=/; HttpOnly`);
  response.set = (name, value) => response.setHeader(name, value);
  response.send = (...said) => {
    const text = said.at(-1);
    if (!response.getHeader('Content-Type')) response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(typeof text === 'string' ? text : '');
  };
  response.redirect = (to) => {
    response.statusCode = 302;
    response.setHeader('Location', to);
    response.end();
  };
  return place.pathname;
}

http.createServer((request, response) => {
  const failed = (wrong) => {
    console.error(wrong);
    response.statusCode = 400;
    response.end('refused');
  };
  try {
    const door = doors[dressed(request, response)];
    if (door) door(request, response, failed);
    else {
      response.statusCode = 404;
      response.end();
    }
  } catch (wrong) {
    failed(wrong);
  }
}).listen(told.port, '127.0.0.1');
