"""OpenID Connect as a relying party: code flow, signed requests, nested tokens.

profile   what was agreed with one provider
keys      ours, in rotation, and the provider's
tokens    what is believed of what a provider says
client    we, towards one provider. Start here

Sources: OpenID Connect Core 1.0; RFC 7523 (private_key_jwt), 7636 (PKCE), 9101 (signed
request), 9126 (pushed request), 9207 (issuer in the answer); Traficom 213/2023 S as
brokers publish it.
"""
