"""A stand-in for Suomi.fi and for the staff's identity provider. Marked as not real.

One application, two issuers: `/suomifi` (OpenID Connect as the Finnish Trust Network
profiles it: signed request, private_key_jwt, encrypted ID token) and `/staff` (the same
without encryption). It is strict: what a careless client gets wrong is refused here.
Its JOSE is python-jose, on purpose another one than the services'.

Start at app.py, then web.py
"""
