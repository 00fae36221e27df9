// OpenID providers as npm's oidc-provider has them, told what to be in a file:
// algorithms, clients, and whom each knows. One page to choose a person or to cancel.
// node oidc-provider.mjs settings.json

import { readFileSync } from 'node:fs';
import http from 'node:http';
import Provider from 'oidc-provider';

const told = JSON.parse(readFileSync(process.argv[2], 'utf-8'));

function configuration(one) {
  const { algorithms } = one;
  return {
    clients: one.clients,
    jwks: { keys: one.keys },
    acrValues: one.levels,
    claims: { openid: ['sub', ...one.claims], profile: [] },
    conformIdTokenClaims: false,
    cookies: {
      keys: [one.name],
      // Two providers on one host: cookies know no ports.
      names: { session: `${one.name}_s`, interaction: `${one.name}_i`, resume: `${one.name}_r` },
    },
    enabledJWA: {
      clientAuthSigningAlgValues: [algorithms.ours],
      requestObjectSigningAlgValues: [algorithms.ours],
      idTokenSigningAlgValues: [algorithms.signature],
      idTokenEncryptionAlgValues: ['RSA-OAEP', 'RSA-OAEP-256'],
      idTokenEncryptionEncValues: ['A128CBC-HS256', 'A128GCM', 'A256GCM'],
    },
    extraParams: ['ftn_spname'],
    // It never fetches from this machine unless told that this is meant.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: {
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      devInteractions: { enabled: false },
      encryption: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: one.pushed },
      requestObjects: { enabled: true, requireSignedRequestObject: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => {
          context.body = page(`${form}<button data-sign-out form="op.logoutForm" name="logout" value="yes">Sign out</button>`);
        },
      },
    },
    findAccount: (_, key) => ({ accountId: key, claims: () => ({ sub: key, ...one.people[key] }) }),
    interactions: { url: (_, interaction) => `/choose/${interaction.uid}` },
    pkce: { required: () => true },
    scopes: ['openid', 'profile'],
    ttl: { Session: 1920, Interaction: 900, Grant: 1920, IdToken: 600 },
  };
}

const page = (body) => `<!doctype html><html lang="en"><title>Provider</title><body>${body}</body></html>`;

function choice(one) {
  const people = Object.keys(one.people).map((key) => `<button name="person" value="${key}" data-person="${key}">${key}</button>`);
  return page(`<form method="post">${people.join('')}<button name="cancel" value="yes" data-cancel>Cancel</button></form>`);
}

async function form(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return new URLSearchParams(Buffer.concat(parts).toString());
}

async function granted(provider, asked, person) {
  const grant = new provider.Grant({ accountId: person, clientId: asked.params.client_id });
  grant.addOIDCScope('openid profile');
  return grant.save();
}

async function interact(provider, one, request, response) {
  const asked = await provider.interactionDetails(request, response);
  if (request.method === 'GET' && asked.prompt.name === 'login') {
    response.setHeader('Content-Type', 'text/html');
    return response.end(choice(one));
  }
  const chosen = request.method === 'POST' ? await form(request) : new URLSearchParams();
  if (chosen.has('cancel')) {
    return provider.interactionFinished(request, response, { error: one.cancelled });
  }
  const person = chosen.get('person') ?? asked.session.accountId;
  const result = { consent: { grantId: await granted(provider, asked, person) } };
  if (chosen.has('person')) result.login = { accountId: person, acr: one.level, remember: true };
  return provider.interactionFinished(request, response, result);
}

function open(one) {
  const provider = new Provider(one.issuer, configuration(one));
  const complain = (kind) => (_, error) => console.error(one.name, kind, error.message, error.error_description ?? '', error.error_detail ?? '');
  for (const kind of ['authorization.error', 'grant.error', 'pushed_authorization_request.error', 'backchannel.error', 'server_error', 'end_session.error', 'jwks.error']) {
    provider.on(kind, complain(kind));
  }
  const answer = provider.callback();
  http.createServer((request, response) => {
    if (!request.url.startsWith('/choose/')) return answer(request, response);
    return interact(provider, one, request, response).catch((error) => {
      console.error(one.name, 'choose', error.message);
      response.statusCode = 400;
      response.end(page('<p data-refused>This page was used.</p>'));
    });
  }).listen(Number(new URL(one.issuer).port), '127.0.0.1');
}

told.forEach(open);
